"""A candidate policy on history: whom it hits, what they are worth, how right it was, how it differs from the live one."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from enforcement.backtest.run import Backtest, Question
from enforcement.backtest.traffic import WarehouseTraffic
from tests.enforcement.sample import HOUR, NOW, RING_THROTTLE, World, account, member, policy, ring
from vigil.cli import main
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.record import Record, connect, labels, sqlite_url
from vigil.record.labels import Verdict
from vigil.signal import IncidentKind, Window
from vigil.warehouse import Warehouse
from vigil.warehouse.accounts import WarehouseAccounts

EVENTS = 20_000


def fill(warehouse: Warehouse, events: int = EVENTS) -> None:
    """Calls of a hundred accounts of acme in the ten days before NOW; account u0 pays for most of it."""
    warehouse.command(
        f"""
        INSERT INTO events (event_id, event_time, received_at, tenant_id, source, org_id, account_id, cost_usd)
        SELECT generateUUIDv4(), toDateTime64('{NOW:%Y-%m-%d %H:%M:%S}', 6, 'UTC') - toIntervalSecond(number % 860000 + 60),
               now(), 'acme', 'gw', concat('o', toString(number % 100 % 7)), concat('u', toString(number % 100)),
               if(number % 100 = 0, 1.0, 0.01)
        FROM numbers({events})
        """
    )


def history(world: World) -> None:
    """Ten rings, a day apart, the last one first stored; two are labelled."""
    for day in range(10):
        moment = NOW - timedelta(days=10 - day, minutes=-30)
        names = [member(f"u{10 * day + number}", 0.95 if number < 4 else 0.85) for number in range(5)]
        world.open(
            ring(
                *names,
                incident_id=f"inc_{day}",
                opened_at=moment,
                updated_at=moment,
                window=Window(moment - HOUR, moment),
            )
        )
    world.open(ring("u0", incident_id="inc_j", kind=IncidentKind.JAILBREAK, updated_at=NOW - HOUR))
    labels.set_label(world.record, world.clock, "inc_0", Verdict.TRUE_POSITIVE, "ana")
    labels.set_label(world.record, world.clock, "inc_1", Verdict.BENIGN, "ana")
    with world.record.write() as connection:
        labels.label_subject(connection, NOW, "inc_0", account("u1"), Verdict.FALSE_POSITIVE, "ana", "")


def test_the_report(record: Record, warehouse: Warehouse, tmp_path: Path) -> None:
    fill(warehouse)
    live = policy(tmp_path, RING_THROTTLE, targets="{members: member.score >= 0.9}", mode="shadow")
    candidate = policy(tmp_path, RING_THROTTLE, ladder="[suspend: {for: 2d}, ban]")
    other = policy(
        tmp_path, RING_THROTTLE, policy="other", when='incident.kind == "jailbreak" && incident.severity >= LOW'
    )
    world = World(record, [])
    history(world)
    test = Backtest(record, WarehouseAccounts(warehouse), WarehouseTraffic(warehouse))
    question = Question(candidate, live, [other], NOW - timedelta(days=11), NOW)
    found = test.run(question)
    assert (found["events"], found["incidents"], found["incidents_matched"]) == (EVENTS, 11, 10)
    assert found["decisions"] == {"suspend dispatched": 50}
    radius = found["blast_radius"]
    assert (radius["principals"], radius["accounts"], radius["share_of_accounts"]) == (50, 50, 0.5)
    assert radius["calls"] == EVENTS // 2
    assert radius["share_of_calls"] == 0.5
    assert 0.7 < radius["share_of_revenue"] < 1
    assert found["top"][0]["id"] == "u0"
    assert found["top"][0]["cost_usd"] == EVENTS / 100
    difference = found["difference_to_live"]
    assert (difference["both"], difference["only_live"]["number"]) == (40, 0)
    assert difference["only_candidate"]["number"] == 10
    assert difference["another_effect"]["number"] == 40
    assert found["overlap"] == {"other": 1}
    # Five of inc_0, one of whom was labelled otherwise by itself, and five of inc_1, which was nothing.
    assert found["precision"] == {"labelled": 10, "right": 4, "wrong": 6, "precision": 0.4}
    assert test.run(question)["decisions"] == found["decisions"]
    same = test.run(Question(live, live, [], question.since, question.until))
    assert same["difference_to_live"]["both"] == 40
    nothing = test.run(Question(candidate, None, [], NOW, NOW + HOUR))
    assert (nothing["events"], nothing["incidents"], nothing["blast_radius"]["principals"]) == (0, 0, 0)


def test_strikes_duplicates_and_budgets_count_as_they_would_have(
    record: Record, warehouse: Warehouse, tmp_path: Path
) -> None:
    world = World(record, [])
    for number, hours in enumerate((0, 1, 30, 60)):
        moment = NOW + timedelta(hours=hours)
        world.open(
            ring(
                "a",
                f"b{number}",
                incident_id=f"inc_{number}",
                updated_at=moment,
                opened_at=moment,
                window=Window(moment - timedelta(minutes=30), moment),
            )
        )
    climbing = policy(tmp_path, RING_THROTTLE, budget="{per_hour: 1}")
    test = Backtest(record, WarehouseAccounts(warehouse), WarehouseTraffic(warehouse))
    found = test.run(Question(climbing, None, [], NOW, NOW + timedelta(days=9)))
    # a climbs: throttled, suspended, banned; the last ban is there already. It uses the budget of each hour, so b0 to b2
    # are held; in the last hour nothing was imposed on a, so b3 is throttled.
    assert found["decisions"] == {
        "ban dispatched": 1,
        "ban suppressed": 1,
        "suspend dispatched": 1,
        "throttle dispatched": 2,
        "throttle held": 3,
    }


def test_the_command(
    clickhouse: EmbeddedClickHouse, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(warehouse, 1_000)
    monkeypatch.setenv("VIGIL_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("VIGIL_CLICKHOUSE__URL", clickhouse.url.rsplit("/", 1)[0] + f"/{warehouse.database}")
    monkeypatch.setenv("COLUMNS", "200")
    record = connect(sqlite_url(tmp_path / "record.sqlite"))
    history(World(record, []))
    record.close()
    file = tmp_path / "candidate.yaml"
    file.write_text(RING_THROTTLE.replace("ring-throttle", "ring-suspend").replace("MEDIUM", "HIGH"))
    span = ("--since", "2026-10-01", "--until", "2026-11-02")
    result = CliRunner().invoke(main, ["backtest", str(file), *span])
    assert result.exit_code == 0, result.output
    assert "ring-suspend on history" in result.output
    assert "10 of 11 match" in result.output
    result = CliRunner().invoke(main, ["backtest", "ring-suspend", *span, "--json"])
    assert json.loads(result.output)["incidents_matched"] == 10
    for arguments, message in (
        (["backtest", "nothing-of-it"], "is neither a file nor a policy"),
        (["backtest", str(file), "--since", "2026-12-01", "--until", "2026-11-01"], "must lie before"),
    ):
        wrong = CliRunner().invoke(main, arguments)
        assert (wrong.exit_code, message in wrong.output) == (2, True)
