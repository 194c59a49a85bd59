"""`vigil enforce` over a real warehouse: account facts reach the conditions."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.enforcement.sample import HOUR, World, ring
from vigil.cli import main
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.record import connect, sqlite_url
from vigil.signal import Window
from vigil.warehouse import Warehouse

POLICY = """
policy: young-and-busy
owner: trust
mode: live
when: incident.severity >= HIGH
targets: {members: 'account.age_days < 7.0 && account.calls >= 2 && account.org == "o1"'}
ladder: [throttle: {rpm: 1, for: 1h}]
budget: {share_of_active_accounts: 50%}
"""


def test_account_facts_reach_the_conditions(
    warehouse: Warehouse, clickhouse: EmbeddedClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    columns = ["event_id", "event_time", "received_at", "tenant_id", "source", "account_id", "org_id"]
    calls = [("young", 1), ("young", 2), ("quiet", 1), ("old", 1), ("old", 24 * 20)]
    moments = [now - timedelta(hours=hours) for _, hours in calls]
    names = [name for name, _ in calls]
    many = len(calls)
    ids = [uuid.uuid4() for _ in calls]
    warehouse.insert("events", columns, [ids, moments, moments, ["acme"] * many, ["s"] * many, names, ["o1"] * many])
    [[database]] = warehouse.query("SELECT currentDatabase()")
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "p.yaml").write_text(POLICY)
    record = connect(sqlite_url(tmp_path / "record.sqlite"))
    world = World(record, [])
    world.open(ring("young", "quiet", "old", opened_at=now, updated_at=now, window=Window(now - HOUR, now)))
    monkeypatch.setenv("VIGIL_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("VIGIL_POLICIES", str(policies))
    monkeypatch.setenv("VIGIL_CLICKHOUSE__URL", f"{clickhouse.url.rsplit('/', 1)[0]}/{database}")
    result = CliRunner().invoke(main, ["enforce", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"decided": 1}
    assert world.states() == [("young", "throttle", "dispatched")]
    [action] = world.actions()
    assert action.facts["account"]["calls"] == 2
    assert CliRunner().invoke(main, ["enforce"]).stdout == "0 decision(s)\n"
    record.close()
