"""`vigil check` finds what is wrong in configuration and schemas, and changes nothing by looking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vigil.local import status
from vigil.local.broker import EmbeddedBroker
from vigil.local.check import look, prepare
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.local.finding import Finding
from vigil.settings import Settings
from vigil.warehouse import Warehouse


def by_name(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in look(settings)}


@pytest.fixture
def servers(clickhouse: EmbeddedClickHouse, tansu: EmbeddedBroker, tmp_path: Path) -> dict[str, Any]:
    """Settings of running servers with an empty database, an empty workspace and a topic that does not exist yet."""
    name = f"check_{tmp_path.name}".replace("-", "_")
    return {
        "workspace": tmp_path / "workspace",
        "clickhouse": {"url": clickhouse.url.rsplit("/", 1)[0] + f"/{name}"},
        "kafka": {"bootstrap_servers": tansu.bootstrap_servers, "topics": name},
    }


def test_empty_servers_are_found_wanting_left_alone_and_then_prepared(servers: dict[str, Any]) -> None:
    settings = Settings.model_validate(servers)
    before = by_name(settings)
    assert "lacks 0001_telemetry" in before["ClickHouse"].detail
    assert "it has no topic check_" in before["Kafka"].detail
    assert "no record" in before["record"].detail
    assert before["ClickHouse"].mend == before["Kafka"].mend == "`vigil check --migrate`"
    assert by_name(settings) == before
    assert not settings.workspace.exists()

    said = list(prepare(settings))
    assert said[0].startswith("ClickHouse: 0001_telemetry")
    after = by_name(settings)
    assert [finding for finding in after.values() if not finding.ok] == []
    assert list(prepare(settings)) == [
        "ClickHouse: nothing to migrate",
        "record: up to date",
        "Kafka: no topic is missing",
    ]
    assert [finding for finding in status.look(settings) if not finding.ok] == []
    url = settings.clickhouse.url
    assert url is not None
    warehouse = Warehouse(url.get_secret_value())
    warehouse.command(f"DROP DATABASE {warehouse.database} SYNC")
    warehouse.close()


def test_servers_that_are_away_are_findings_each() -> None:
    found = by_name(
        Settings.model_validate(
            {
                "clickhouse": {"url": "clickhouse://vigil:hunter2@127.0.0.1:1/vigil"},
                "kafka": {"bootstrap_servers": "127.0.0.1:1"},
                "record": {"url": "postgresql://vigil:hunter2@127.0.0.1:1/vigil"},
            }
        )
    )
    for name in ("ClickHouse", "Kafka", "record"):
        assert not found[name].ok
        assert "127.0.0.1" in found[name].detail
    assert not [finding for finding in found.values() if "hunter2" in finding.detail + finding.mend]


def test_a_webhook_without_address_or_key_is_wrong(tmp_path: Path) -> None:
    for enforcement in ({"adapter": "webhook"}, {"adapter": "webhook", "webhook_url": "http://127.0.0.1:1/"}):
        settings = Settings.model_validate({"workspace": tmp_path, "enforcement": enforcement})
        assert "VIGIL_ENFORCEMENT__WEBHOOK_SECRET" in by_name(settings)["configuration"].mend


def test_a_broken_policy_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("policy: broken\nwhen: incident.kind ==\n")
    found = by_name(Settings.model_validate({"workspace": tmp_path, "policies": tmp_path}))["policies"]
    assert not found.ok
    assert "broken.yaml" in found.detail


def test_an_exceptions_file_that_cannot_be_read_is_wrong(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"workspace": tmp_path, "enforcement": {"exceptions_file": tmp_path / "absent.json"}}
    )
    assert "absent.json" in by_name(settings)["exceptions"].detail
    assert not by_name(settings)["exceptions"].ok
