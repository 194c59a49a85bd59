"""`vigil check`: configuration, policies, connections and schemas, validated without changing anything."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator

from vigil.broker import bootstrap_servers, topics
from vigil.errors import VigilError
from vigil.local.deduplication import without_window
from vigil.local.finding import Finding
from vigil.local.topics import create_topics, topics_of
from vigil.permitted import PermittedPrincipals
from vigil.record import open_record, revisions
from vigil.settings import Settings
from vigil.warehouse import Warehouse, migrate, open_warehouse, pending

_MIGRATE = "`vigil check --migrate`"


def look(settings: Settings) -> Iterator[Finding]:
    """One finding a matter; what cannot be looked at because a server is away is a finding too."""
    for name, see in (
        ("configuration", _configuration),
        ("policies", _policies),
        ("exceptions", _exceptions),
        ("ClickHouse", _clickhouse),
        ("Kafka", _kafka),
        ("record", _record),
    ):
        yield _seen(name, see, settings)


def prepare(settings: Settings) -> Iterator[str]:
    """Bring both schemas up to date and create missing topics, saying what was done. Raises VigilError."""
    warehouse = open_warehouse(settings)
    try:
        applied = migrate(warehouse)
    finally:
        warehouse.close()
    yield f"ClickHouse: {', '.join(applied) or 'nothing to migrate'}"
    open_record(settings).close()
    yield "record: up to date"
    servers = bootstrap_servers(settings)
    embedded = settings.kafka.bootstrap_servers is None
    created = create_topics(settings, servers, [topic.name for topic in topics(settings)], embedded=embedded)
    yield f"Kafka: {'created ' + ', '.join(created) if created else 'no topic is missing'}"


def _seen(name: str, see: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return see(settings)
    except VigilError as error:
        return Finding(name, False, str(error))


def _configuration(settings: Settings) -> Finding:
    # That it loads at all has been seen to before; these are the parts that are read later.
    names = [topic.name for topic in topics(settings)]
    settings.make_clock()
    enforcement = settings.enforcement
    if enforcement.adapter == "webhook" and (enforcement.webhook_url is None or enforcement.webhook_secret is None):
        return Finding(
            "configuration",
            False,
            "enforcement.adapter is webhook, but it has no address or no key",
            "set VIGIL_ENFORCEMENT__WEBHOOK_URL and VIGIL_ENFORCEMENT__WEBHOOK_SECRET",
        )
    return Finding("configuration", True, f"topics {', '.join(names)}; effects go to {enforcement.adapter}")


def _policies(settings: Settings) -> Finding:
    try:
        # By name, as the command line does: the kernel imports no room.
        load_policies = importlib.import_module("enforcement.policies").load_policies
    except ImportError as error:
        return Finding("policies", False, f"the policy engine cannot be loaded ({error})", "install vigil again")
    loaded = load_policies(settings.policies)
    where = settings.policies or "the starter pack"
    if not loaded:
        return Finding("policies", False, f"{where} has no policy: nothing will ever be acted on", "set VIGIL_POLICIES")
    return Finding("policies", True, f"{len(loaded)} from {where}", facts={"policies": len(loaded)})


def _exceptions(settings: Settings) -> Finding:
    permitted = PermittedPrincipals.load(settings.enforcement.exceptions_file)
    return Finding("exceptions", True, f"{len(permitted.permissions)} permitted principals")


def _clickhouse(settings: Settings) -> Finding:
    warehouse = open_warehouse(settings)
    try:
        return _schema_of(warehouse)
    finally:
        warehouse.close()


def _schema_of(warehouse: Warehouse) -> Finding:
    if missing := pending(warehouse):
        detail = f"{warehouse.address} answers; database {warehouse.database} lacks {', '.join(missing)}"
        return Finding("ClickHouse", False, detail, _MIGRATE)
    if tables := without_window(warehouse):
        return Finding(
            "ClickHouse",
            False,
            f"inserts into {', '.join(tables)} are not deduplicated: a retried insert would count twice",
            "ALTER TABLE … MODIFY SETTING non_replicated_deduplication_window = 10000",
        )
    [(version,)] = warehouse.query("SELECT version()")
    return Finding("ClickHouse", True, f"{warehouse.address} is {version}; schema up to date, inserts deduplicated")


def _kafka(settings: Settings) -> Finding:
    servers = bootstrap_servers(settings)
    found = topics_of(settings, servers)
    wanted = [topic.name for topic in topics(settings)]
    if missing := [name for name in wanted if name not in found]:
        return Finding("Kafka", False, f"{servers} answers; it has no topic {', '.join(missing)}", _MIGRATE)
    shapes = ", ".join(f"{name} ({found[name]} partitions)" for name in wanted)
    return Finding("Kafka", True, f"{servers} has {shapes}")


def _record(settings: Settings) -> Finding:
    record = open_record(settings, migrate=False)
    try:
        current, head = revisions(record)
        where = record.engine.url.render_as_string(hide_password=True)
    finally:
        record.close()
    if current != head:
        return Finding("record", False, f"{where} has schema {current}, this code wants {head}", _MIGRATE)
    return Finding("record", True, f"{where} has schema {current}")
