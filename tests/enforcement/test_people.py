"""People decide: held actions need the right persons, and what a person decided no rule undoes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.enforcement.sample import HOUR, NOW, RING_THROTTLE, World, policy, ring
from vigil.effect import Action, ActionState, EffectKind
from vigil.errors import UsageError
from vigil.record import Record, approvals, kill_switches, ledger, reversals
from vigil.signal import Severity, Window

BY_TWO = {"ladder": "[ban]", "approval": "{from: suspend, by: 2}"}


def held(record: Record, tmp_path: Path, **replace: str) -> tuple[World, Action]:
    world = World(record, [policy(tmp_path, RING_THROTTLE, **(replace or BY_TWO))])
    world.open(ring("a"))
    world.settle()
    [action] = world.actions(states=[ActionState.HELD])
    return world, action


def test_severe_effects_wait_for_as_many_persons_as_the_policy_says(record: Record, tmp_path: Path) -> None:
    world, action = held(record, tmp_path)
    assert action.reason == "approval: 2 persons have to approve ban"
    assert world.recorder.delivered[0].effect is EffectKind.PAGE
    assert approvals.approve(record, world.clock, action.action_id, "ana", "looked").state is ActionState.HELD
    with pytest.raises(UsageError, match="ana has approved this action already; another person"):
        approvals.approve(record, world.clock, action.action_id, "ana")
    with pytest.raises(UsageError, match="policy:ring-throttle proposed this action; another person"):
        approvals.approve(record, world.clock, action.action_id, "policy:ring-throttle")
    assert world.dispatch() == 0
    released = approvals.approve(record, world.clock, action.action_id, "bob")
    assert (released.state, released.reason) == (ActionState.DISPATCHED, "approval: ana, bob approved it")
    world.dispatch()
    assert ("a", "ban", "confirmed") in world.states()
    with pytest.raises(UsageError, match="is confirmed, not held"):
        approvals.approve(record, world.clock, action.action_id, "eve")
    with record.read() as connection:
        said = [(line.actor, line.verdict) for line in approvals.of_action(connection, action.action_id)]
        assert ledger.verify(connection).ok
    assert said == [("policy:ring-throttle", "proposed"), ("ana", "approved"), ("bob", "approved")]


def test_milder_effects_need_nobody(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE, approval="{from: suspend}")])
    world.open(ring("a"))
    world.enforce()
    assert world.states() == [("a", "throttle", "dispatched")]


def test_the_duration_counts_from_the_approval(record: Record, tmp_path: Path) -> None:
    world, action = held(record, tmp_path, mode="manual")
    world.clock.advance(5 * HOUR)
    released = approvals.approve(record, world.clock, action.action_id, "ana")
    assert released.expires_at == NOW + timedelta(hours=29)
    world.dispatch()
    sent = [one for one in world.recorder.delivered if one.effect is EffectKind.THROTTLE]
    assert [one.expires_at for one in sent] == [NOW + timedelta(hours=29)]


def test_a_kill_switch_stops_an_approval(record: Record, tmp_path: Path) -> None:
    world, action = held(record, tmp_path)
    scope = kill_switches.Scope.TENANT
    kill_switches.engage(record, world.clock, scope, "acme", owner="eve", reason="storm", expires_at=NOW + HOUR)
    with pytest.raises(UsageError, match=r"eve set kill switch kill_\w+ \(storm\)"):
        approvals.approve(record, world.clock, action.action_id, "ana")


def test_what_is_in_force_meanwhile_cannot_be_approved_a_second_time(record: Record, tmp_path: Path) -> None:
    world, action = held(record, tmp_path, mode="manual")
    world.policies = [policy(tmp_path, RING_THROTTLE, policy="other")]
    world.open(ring("a", incident_id="inc_2"))
    world.settle()
    with pytest.raises(UsageError, match="throttle is in force on account a already"):
        approvals.approve(record, world.clock, action.action_id, "ana")


def test_a_rejection_is_final_for_this_evidence(record: Record, tmp_path: Path) -> None:
    world, action = held(record, tmp_path)
    with pytest.raises(UsageError, match="needs a reason"):
        approvals.reject(record, world.clock, action.action_id, "ana", " ")
    for nobody in ("expiry", "policy:other", "vigil", " "):
        with pytest.raises(UsageError, match="is not a person's name"):
            approvals.reject(record, world.clock, action.action_id, nobody, "x")
        with pytest.raises(UsageError, match="is not a person's name"):
            approvals.approve(record, world.clock, action.action_id, nobody)
    rejected = approvals.reject(record, world.clock, action.action_id, "ana", "a class")
    assert (rejected.state, rejected.reason) == (ActionState.SUPPRESSED, "approval: ana rejected it: a class")
    world.policies = [*world.policies, policy(tmp_path, RING_THROTTLE, policy="other")]
    world.update("inc_1", severity=Severity.CRITICAL)
    world.settle()
    reasons = {one.policy: one.reason for one in world.actions(states=[ActionState.SUPPRESSED])}
    assert reasons["ring-throttle"] == "approval: ana rejected it: a class"
    assert reasons["other"].startswith("human: ana rejected ban (act_")
    with pytest.raises(UsageError, match="is suppressed, not held"):
        approvals.reject(record, world.clock, action.action_id, "ana", "again")


class TestHumanOutranksRules:
    def lifted(self, record: Record, tmp_path: Path) -> World:
        world = World(record, [policy(tmp_path, RING_THROTTLE, grace="6h")])
        world.open(ring("a"))
        world.settle()
        [action] = world.actions()
        world.clock.advance(HOUR)
        reversals.lift(record, world.clock, action.action_id, "ana", "a class")
        world.settle()
        return world

    def test_what_a_person_lifted_is_not_imposed_again_by_the_same_incident(
        self, record: Record, tmp_path: Path
    ) -> None:
        world = self.lifted(record, tmp_path)
        world.policies = [*world.policies, policy(tmp_path, RING_THROTTLE, policy="harsher", ladder="[ban]")]
        world.clock.advance(timedelta(days=2))
        world.update("inc_1", window=Window(NOW - HOUR, world.clock.now()), severity=Severity.CRITICAL)
        world.settle()
        assert world.states(states=[ActionState.DISPATCHED, ActionState.HELD]) == []
        [ban] = world.actions(effects=[EffectKind.BAN])
        assert ban.reason.startswith("human: ana lifted throttle (act_")
        assert ban.reason.endswith("and this is the same evidence")

    def test_nor_by_another_incident_about_the_traffic_that_the_person_knew(
        self, record: Record, tmp_path: Path
    ) -> None:
        world = self.lifted(record, tmp_path)
        world.open(ring("a", incident_id="inc_2", window=Window(NOW - HOUR, NOW + 2 * HOUR)))
        world.settle()
        assert [one.state for one in world.actions(incident_id="inc_2")] == [ActionState.SUPPRESSED]

    @pytest.mark.parametrize(
        "window",
        [Window(NOW + HOUR, NOW + 2 * HOUR), Window(NOW - HOUR, NOW + 7 * HOUR)],
        ids=["traffic from after it", "traffic that goes on long after it"],
    )
    def test_new_evidence_is_acted_upon_and_what_was_lifted_is_no_strike(
        self, record: Record, tmp_path: Path, window: Window
    ) -> None:
        world = self.lifted(record, tmp_path)
        world.open(ring("a", incident_id="inc_2", window=window))
        world.settle()
        assert [(one.effect, one.state) for one in world.actions(incident_id="inc_2")] == [
            (EffectKind.THROTTLE, ActionState.CONFIRMED)
        ]

    @pytest.mark.parametrize(("reason", "message"), [("", "a lift needs a reason"), ("x", "is lifted, not in force")])
    def test_a_lift_needs_something_to_lift_and_a_reason(
        self, record: Record, tmp_path: Path, reason: str, message: str
    ) -> None:
        world = self.lifted(record, tmp_path)
        [throttle] = world.actions(effects=[EffectKind.THROTTLE])
        with pytest.raises(UsageError, match=message):
            reversals.lift(record, world.clock, throttle.action_id, "bob", reason)
        [lift] = world.actions(effects=[EffectKind.LIFT])
        with pytest.raises(UsageError, match="lift restricts nothing"):
            reversals.lift(record, world.clock, lift.action_id, "bob", "x")
        with pytest.raises(UsageError, match="is not a person's name"):
            reversals.lift(record, world.clock, throttle.action_id, "expiry", "x")


class TestKillSwitches:
    def test_a_switch_needs_a_reason_an_end_and_a_name(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [])
        later = NOW + HOUR
        for scope, name, reason, end, message in (
            (kill_switches.Scope.GLOBAL, "", " ", later, "needs a reason"),
            (kill_switches.Scope.GLOBAL, "", "x", NOW, "has to end in the future"),
            (kill_switches.Scope.GLOBAL, "acme", "x", later, "a global switch names none"),
            (kill_switches.Scope.TENANT, "", "x", later, "name the policy or tenant to stop"),
        ):
            with pytest.raises(UsageError, match=message):
                kill_switches.engage(record, world.clock, scope, name, owner="ana", reason=reason, expires_at=end)

    def test_a_switch_ends_by_itself_and_can_be_taken_back_once(self, record: Record) -> None:
        world = World(record, [])
        scope = kill_switches.Scope.TENANT
        set_ = kill_switches.engage(record, world.clock, scope, "acme", owner="ana", reason="x", expires_at=NOW + HOUR)
        with record.read() as connection:
            assert kill_switches.active(connection, NOW) == [set_]
            assert kill_switches.active(connection, NOW + HOUR) == []
            assert kill_switches.stopping([set_], "p", "acme") == set_
            assert kill_switches.stopping([set_], "acme", "other") is None
        kill_switches.release(record, world.clock, set_.switch_id, actor="bob")
        with pytest.raises(UsageError, match="is set"):
            kill_switches.release(record, world.clock, set_.switch_id, actor="bob")
        with record.read() as connection:
            assert [entry.entry_type for entry in ledger.entries(connection)] == [
                "kill_switch_engaged",
                "kill_switch_released",
            ]
