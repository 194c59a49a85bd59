"""`vigil status`: what runs, what can be reached, and how much is in it. Looks only; each look has a deadline of seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import func, select

from vigil.broker import bootstrap_servers, topics
from vigil.errors import VigilError
from vigil.local.doctor import disk
from vigil.local.finding import Finding
from vigil.local.machine import memory_bytes, resident_bytes
from vigil.local.state import ServiceState, read_state
from vigil.local.supervisor import ChildState
from vigil.local.topics import group_lag, topics_of
from vigil.local.workspace import Workspace
from vigil.record import open_record
from vigil.record.schema import incidents
from vigil.settings import Settings
from vigil.warehouse import open_warehouse

# The embedded broker keeps every record in memory and gives none back: it is time to move before the machine swaps.
_BROKER = "Kafka broker"
_LARGEST_BROKER_SHARE = 0.25


def look(settings: Settings) -> Iterator[Finding]:
    """One finding for the service, each of its children, the disk, and what is in ClickHouse, Kafka and the record."""
    yield from _processes(settings)
    for name, see in (("warehouse", _warehouse), ("topics", _topics), ("record", _record)):
        yield _reachable(name, see, settings)


def _processes(settings: Settings) -> Iterator[Finding]:
    workspace = Workspace(settings.workspace)
    holder = workspace.holder()
    if holder is None:
        outside = settings.clickhouse.url is not None and settings.kafka.bootstrap_servers is not None
        yield Finding(
            "service",
            outside,
            f"none runs in {workspace.folder}" + ("; ClickHouse and Kafka are configured ones" if outside else ""),
            "" if outside else "start it with `vigil up`",
        )
        return
    state = read_state(workspace.folder)
    if state is None or state.pid != holder:
        yield Finding("service", False, f"process {holder} is starting or stopping", "look again in a few seconds")
        return
    yield Finding(
        "service", True, f"process {holder} since {state.started_at:%Y-%m-%d %H:%M:%S} UTC", facts={"pid": holder}
    )
    yield from _children(state)
    yield disk(workspace)


def _children(state: ServiceState) -> Iterator[Finding]:
    for child in state.children:
        memory = resident_bytes(child.pid) if child.pid is not None else None
        facts = {"pid": child.pid, "since": child.since, "restarts": child.restarts, "log": child.log, "rss": memory}
        yield Finding(child.name, *_health(child, memory), facts=facts)


def _health(child: ChildState, memory: int | None) -> tuple[bool, str, str]:
    since = f"since {child.since:%Y-%m-%d %H:%M:%S} UTC"
    again = f", started again {child.restarts} times" if child.restarts else ""
    if child.state != "running":
        return False, f"{child.state} {since}{again}", f"read {child.log}"
    size = f", {memory / 2**20:,.0f} MiB" if memory is not None else ""
    detail = f"process {child.pid} {since}{again}{size}, log {child.log}"
    if child.name == _BROKER and memory is not None and memory > _LARGEST_BROKER_SHARE * memory_bytes():
        return False, detail, "it keeps all records in memory: restart the service, or move to Apache Kafka (docs)"
    return True, detail, ""


def _reachable(name: str, see: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return see(settings)
    except VigilError as error:
        return Finding(name, False, str(error))


def _warehouse(settings: Settings) -> Finding:
    warehouse = open_warehouse(settings)
    try:
        [(events, dead)] = warehouse.query("SELECT (SELECT count() FROM events), (SELECT count() FROM dead_letters)")
    finally:
        warehouse.close()
    detail = f"ClickHouse at {warehouse.address} answers; {events:,} events, {dead:,} dead letters"
    return Finding("warehouse", True, detail, facts={"events": events, "dead_letters": dead})


def _topics(settings: Settings) -> Finding:
    servers = bootstrap_servers(settings)
    names = [topic.name for topic in topics(settings)]
    missing = sorted(set(names) - set(topics_of(settings, servers)))
    if missing:
        return Finding(
            "topics",
            False,
            f"Kafka at {servers} answers; it has no topic {', '.join(missing)}",
            "`vigil check --migrate`",
        )
    lag = group_lag(settings, servers, names)
    behind = ", ".join(f"{name} {records:,} behind" for name, records in lag.items())
    return Finding(
        "topics", True, f"Kafka at {servers} answers; group {settings.kafka.group}: {behind}", facts={"lag": lag}
    )


def _record(settings: Settings) -> Finding:
    record = open_record(settings, migrate=False)
    try:
        with record.read() as connection:
            rows = connection.execute(
                select(incidents.c.state, func.count()).group_by(incidents.c.state).order_by(incidents.c.state)
            ).all()
    finally:
        record.close()
    counts: dict[str, int] = {row[0]: row[1] for row in rows}
    by_state = ", ".join(f"{count:,} {state}" for state, count in counts.items())
    return Finding("record", True, f"incidents: {by_state or 'none'}", facts={"incidents": counts})
