"""Appeals: another person decides, and a decision has all its consequences."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from enforcement.appeals import PAUSE, decide, open_appeal
from tests.enforcement.sample import HOUR, NOW, RING_THROTTLE, World, policy, ring
from vigil.effect import Action, ActionState, EffectKind
from vigil.errors import UsageError
from vigil.incident import IncidentState
from vigil.record import Record, appeals, approvals, labels, ledger
from vigil.record.appeals import AppealOutcome
from vigil.signal import Window


def approved(record: Record, tmp_path: Path) -> tuple[World, Action]:
    """Account a throttled with ana's approval; b of another incident as well."""
    world = World(record, [policy(tmp_path, RING_THROTTLE, mode="manual")])
    world.open(ring("a"), ring("b", incident_id="inc_2"))
    world.settle()
    for action in world.actions(states=[ActionState.HELD]):
        approvals.approve(record, world.clock, action.action_id, "ana")
    world.settle()
    [action] = world.actions(incident_id="inc_1", effects=[EffectKind.THROTTLE])
    assert (action.state, world.incident().state) == (ActionState.CONFIRMED, IncidentState.CONTAINED)
    return world, action


def test_an_overturned_appeal_has_all_its_consequences(record: Record, tmp_path: Path) -> None:
    world, action = approved(record, tmp_path)
    world.policies = [policy(tmp_path, RING_THROTTLE)]
    appeal = open_appeal(record, world.clock, action.action_id, "we are a class", "owner of a")
    decide(record, world.clock, appeal.appeal_id, AppealOutcome.OVERTURNED, "bob", "homework")
    world.settle()
    assert world.states(incident_id="inc_1", effects=[EffectKind.THROTTLE]) == [("a", "throttle", "lifted")]
    [lift] = world.actions(effects=[EffectKind.LIFT])
    assert lift.parameters["notice"] == "restriction-undone"
    with record.read() as connection:
        [label] = labels.subject_labels(connection)
        kinds = [entry.entry_type for entry in ledger.entries(connection, limit=None)]
        assert ledger.verify(connection).ok
    assert (label.incident_id, label.subject_id, label.verdict) == ("inc_1", "a", labels.Verdict.FALSE_POSITIVE)
    assert {"appeal_opened", "appeal_decided", "pause_set", "label"} <= set(kinds)
    # The case of b, where the same policy version acts, is open again, and somebody is told.
    assert world.incident("inc_2").state in (IncidentState.OPEN, IncidentState.CONTAINED)
    pages = [one for one in world.actions(effects=[EffectKind.PAGE]) if "overturned on appeal" in str(one.parameters)]
    assert len(pages) == 1
    assert "inc_2" in pages[0].parameters["text"]
    # Later evidence against a waits for a person, as a first offence; then automation goes on.
    for days, state, effect in ((10, "held", "throttle"), (PAUSE.days + 20, "confirmed", "throttle")):
        moment = NOW + timedelta(days=days)
        world.clock.advance_to(moment)
        window = Window(moment - HOUR, moment)
        name = f"inc_d{days}"
        world.open(ring("a", incident_id=name, opened_at=moment, updated_at=moment, window=window))
        world.settle()
        [again] = [one for one in world.actions(incident_id=name) if one.effect.restricts]
        assert (again.effect.value, again.state.value) == (effect, state)


def test_similar_open_cases_are_reopened(record: Record, tmp_path: Path) -> None:
    world, action = approved(record, tmp_path)
    appeal = open_appeal(record, world.clock, action.action_id, "no", "owner")
    decide(record, world.clock, appeal.appeal_id, AppealOutcome.OVERTURNED, "bob", "wrong")
    assert world.incident("inc_2").state is IncidentState.OPEN


def test_an_upheld_appeal_changes_nothing_and_its_owner_is_told(record: Record, tmp_path: Path) -> None:
    world, action = approved(record, tmp_path)
    appeal = open_appeal(record, world.clock, action.action_id, "no", "owner")
    decided = decide(record, world.clock, appeal.appeal_id, AppealOutcome.UPHELD, "bob", "it was them")
    assert (decided.outcome, decided.decided_by) == (AppealOutcome.UPHELD, "bob")
    world.settle()
    assert ("a", "throttle", "confirmed") in world.states()
    assert [one.parameters["notice"] for one in world.actions(effects=[EffectKind.NOTIFY_OWNER])] == ["appeal-upheld"]
    with pytest.raises(UsageError, match="bob decided appeal"):
        decide(record, world.clock, appeal.appeal_id, AppealOutcome.OVERTURNED, "eve", "x")
    again = open_appeal(record, world.clock, action.action_id, "really not", "owner")
    with record.read() as connection:
        assert appeals.list_appeals(connection, open_only=True) == [again]
        assert [one.outcome for one in appeals.of_action(connection, action.action_id)] == [AppealOutcome.UPHELD, None]


def test_who_approved_the_action_cannot_decide_even_past_the_code(record: Record, tmp_path: Path) -> None:
    world, action = approved(record, tmp_path)
    appeal = open_appeal(record, world.clock, action.action_id, "no", "owner")
    for actor, message in (("ana", "ana approved the action; another person"), ("vigil", "is not a person's name")):
        with pytest.raises(UsageError, match=message):
            decide(record, world.clock, appeal.appeal_id, AppealOutcome.UPHELD, actor, "x")
    with pytest.raises(DBAPIError, match="another person"), record.write() as connection:
        appeals.close(connection, appeal, AppealOutcome.UPHELD, "ana", "x", NOW)
    with pytest.raises(UsageError, match="needs a reason"):
        decide(record, world.clock, appeal.appeal_id, AppealOutcome.UPHELD, "bob", " ")


def test_what_can_be_appealed(record: Record, tmp_path: Path) -> None:
    world, action = approved(record, tmp_path)
    open_appeal(record, world.clock, action.action_id, "no", "owner")
    with pytest.raises(UsageError, match=r"appeal apl_\w+ against action act_\w+ is open already"):
        open_appeal(record, world.clock, action.action_id, "again", "owner")
    [page, *_] = world.actions(effects=[EffectKind.PAGE])
    for reference, statement, by, message in (
        (page.action_id, "no", "owner", "nothing was imposed"),
        ("act_404", "no", "owner", "there is no action act_404"),
        (world.actions(incident_id="inc_2", effects=[EffectKind.THROTTLE])[0].action_id, " ", "owner", "says why"),
        (action.action_id, "no", " ", "say who appeals"),
    ):
        with pytest.raises(UsageError, match=message):
            open_appeal(record, world.clock, reference, statement, by)
