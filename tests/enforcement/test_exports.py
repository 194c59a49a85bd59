"""What the ledger says to the owner of an account and to a regulator."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from enforcement.appeals import decide, open_appeal
from enforcement.exports.cases import kinds_of, read_cases
from enforcement.exports.statements import statement
from enforcement.exports.transparency import flat, report
from enforcement.undo import Selection, undo
from tests.enforcement.console import Console
from tests.enforcement.sample import HOUR, NOW, RING_THROTTLE, World, policy, ring
from vigil.effect import ActionState, EffectKind
from vigil.record import Record, approvals
from vigil.record.appeals import AppealOutcome


def played(record: Record, tmp_path: Path) -> World:
    """Four accounts throttled by a rule, one of them overturned on appeal, one undone; one ban approved, one rejected."""
    world = World(record, [policy(tmp_path, RING_THROTTLE, notice="coordinated-use")])
    world.open(ring("a", "b", "c", "d"))
    world.settle()
    by_name = {one.target.id: one for one in world.actions(effects=[EffectKind.THROTTLE])}
    appeal = open_appeal(record, world.clock, by_name["a"].action_id, "a class", "owner")
    open_appeal(record, world.clock, by_name["d"].action_id, "no", "owner")
    world.clock.advance(6 * HOUR)
    decide(record, world.clock, appeal.appeal_id, AppealOutcome.OVERTURNED, "bob", "homework")
    undo(record, world.clock, Selection(target=by_name["b"].target), "bob", "wrong")
    world.settle()
    world.policies = [policy(tmp_path, RING_THROTTLE, policy="ban", ladder="[ban]", approval="{from: ban}")]
    world.open(ring("x", "y", incident_id="inc_2"))
    world.settle()
    first, second = world.actions(states=[ActionState.HELD])
    approvals.approve(record, world.clock, first.action_id, "ana")
    approvals.reject(record, world.clock, second.action_id, "ana", "not sure")
    world.settle()
    return world


def test_a_statement_has_the_fields_of_article_17_and_no_detector(record: Record, tmp_path: Path) -> None:
    played(record, tmp_path)
    with record.read() as connection:
        cases = read_cases(connection, None, None)
        kinds = kinds_of(connection, cases)
    statements = {case.target["id"]: statement(case, kinds.get(case.incident_id or "")) for case in cases}
    throttle, ban = statements["c"], statements["x"]
    assert throttle["decision_provision"] == "DECISION_PROVISION_PARTIAL_SUSPENSION"
    assert throttle["decision_account"] is None
    assert throttle["restriction"] == {"effect": "throttle", "rpm": 10}
    assert throttle["automated_decision"] == "AUTOMATED_DECISION_FULLY"
    assert throttle["incompatible_content_ground"] == "coordinated-use"
    assert throttle["application_date"] == NOW
    assert throttle["end_date"] == "2026-11-02T12:00:00Z"
    assert throttle["puid"] in throttle["redress"]["internal_complaint"]
    assert (ban["decision_account"], ban["decision_provision"]) == ("DECISION_ACCOUNT_TERMINATED", None)
    assert ban["automated_decision"] == "AUTOMATED_DECISION_PARTIALLY"
    assert "shared_template" not in str(statements)
    assert statements["a"]["ended_on"] == NOW + timedelta(hours=6)


def test_the_report_counts_what_happened(record: Record, tmp_path: Path) -> None:
    played(record, tmp_path)
    with record.read() as connection:
        cases = read_cases(connection, None, None)
        found = report(cases, kinds_of(connection, cases))
        assert report(read_cases(connection, NOW + timedelta(days=1), None), {})["restrictions"] == 0
        before = read_cases(connection, None, NOW + HOUR)
    assert [case.target["id"] for case in before] == ["a", "b", "c", "d"]
    assert found == {
        "restrictions": 5,
        "restrictions_by_effect": {"throttle": 4, "ban": 1},
        "restrictions_by_ground": {"coordinated_ring": 5},
        "restrictions_by_automation": {"AUTOMATED_DECISION_FULLY": 4, "AUTOMATED_DECISION_PARTIALLY": 1},
        "suspensions_of_accounts": 1,
        "proposals_rejected_by_persons": 1,
        "complaints": 2,
        "complaints_by_outcome": {"overturned": 1, "open": 1},
        "median_hours_to_decide_complaints": 6.0,
        "restrictions_undone": 2,
        "error_rate_of_automation": 0.5,
    }
    assert ("restrictions_by_effect: ban", 1) in list(flat(found))


def test_the_commands_print_them(console: Console, tmp_path: Path) -> None:
    console.world.policies = [policy(tmp_path, RING_THROTTLE)]
    console.world.open(ring("a"))
    console.world.settle()
    [one] = console.json("ledger", "statements", "--from", "2026-10-01")
    assert one["target"] == {"id": "a", "tenant_id": "acme", "type": "account"}
    assert console.json("ledger", "transparency")[0]["restrictions"] == 1
    assert "restrictions_by_effect: throttle" in console.text("ledger", "transparency")
    assert "--from expects a time" in console.fails("ledger", "transparency", "--from", "soon")
