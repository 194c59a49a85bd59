"""The gateway and the record disagree: found both ways, mended, and told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from enforcement.adapters import Adapter, RecordingAdapter
from enforcement.dispatcher import Dispatcher
from enforcement.reconcile import Reconciled, Reconciler
from tests.enforcement.sample import HOUR, RING_THROTTLE, World, account, policy, ring
from tests.faults.gateway import RuleKeepingGateway
from tests.faults.misbehaviour import MISBEHAVIOURS, FaultyGatewayAdapter
from tests.faults.points import FaultPoints
from vigil.effect import EffectKind
from vigil.record import Record, ledger, reversals


class Reconciling:
    """A world whose gateway can be read back."""

    def __init__(self, record: Record, folder: Path) -> None:
        self.world = World(record, [policy(folder, RING_THROTTLE)])
        self.gateway = RuleKeepingGateway()
        self.adapter = FaultyGatewayAdapter(self.gateway, FaultPoints())
        self.pages = RecordingAdapter()
        adapters: dict[str, Adapter] = {"log": self.adapter, "page": self.pages}
        self.dispatcher = Dispatcher(record, self.world.clock, adapters, self.world.settings)
        self.reconciler = Reconciler(record, self.world.clock, adapters)
        self.world.open(ring("a", "b"))
        self.world.enforce()

    def deliver(self) -> None:
        while self.dispatcher.run_once():
            pass

    def entries(self) -> list[str]:
        with self.world.record.read() as connection:
            assert ledger.verify(connection).ok
            return [entry.entry_type for entry in ledger.entries(connection, limit=None)]

    def titles(self) -> list[str]:
        return [one.parameters["title"] for one in self.pages.delivered]


@pytest.fixture
def reconciling(record: Record, tmp_path: Path) -> Reconciling:
    return Reconciling(record, tmp_path)


def test_nothing_is_done_while_both_agree(reconciling: Reconciling) -> None:
    assert reconciling.reconciler.run_once() == Reconciled(), "what is still on its way is no difference"
    reconciling.deliver()
    assert reconciling.reconciler.run_once() == Reconciled()
    assert len(reconciling.gateway.in_force) == 2


def test_what_the_gateway_lost_is_delivered_again_under_a_new_key(reconciling: Reconciling) -> None:
    reconciling.deliver()
    lost = sorted(reconciling.gateway.in_force)[0]
    reconciling.gateway.forget(lost)
    assert reconciling.reconciler.run_once() == Reconciled(missing=1)
    reconciling.deliver()
    assert lost in reconciling.gateway.in_force
    assert reconciling.gateway.doubled == []
    keys = [one.idempotency_key for one in reconciling.gateway.arrived if one.action_id == lost]
    assert keys == [lost, f"{lost}.2"]
    assert "missing_at_gateway" in reconciling.entries()
    assert reconciling.titles() == ["log lost 1 effect(s) that were in force"]
    assert reconciling.reconciler.run_once() == Reconciled()
    reconciling.gateway.forget(lost)
    reconciling.reconciler.run_once()
    reconciling.deliver()
    assert reconciling.gateway.arrived[-1].idempotency_key == f"{lost}.3"


def test_what_is_to_end_is_not_delivered_again(reconciling: Reconciling) -> None:
    reconciling.deliver()
    first, second = reconciling.world.actions(effects=[EffectKind.THROTTLE])
    reconciling.gateway.forget(first.action_id)
    reconciling.gateway.forget(second.action_id)
    reversals.lift(reconciling.world.record, reconciling.world.clock, first.action_id, "ana", "wrong account")
    assert reconciling.reconciler.run_once() == Reconciled(missing=1)
    reconciling.world.clock.advance(25 * HOUR)
    assert reconciling.reconciler.run_once() == Reconciled(), "its time is over"


def test_what_failed_by_the_record_and_is_in_force_is_lifted(reconciling: Reconciling) -> None:
    reconciling.adapter.armed.append(MISBEHAVIOURS["404"])
    reconciling.deliver()
    [failed] = [one for one in reconciling.world.actions() if one.state.value == "failed"]
    late = next(one for one in reconciling.gateway.arrived if one.action_id != failed.action_id)
    reconciling.gateway.take(
        msgspec.structs.replace(
            late, idempotency_key=failed.action_id, action_id=failed.action_id, target=failed.target
        )
    )
    assert failed.action_id in reconciling.gateway.in_force
    assert reconciling.reconciler.run_once() == Reconciled(stray=1)
    assert reconciling.reconciler.run_once() == Reconciled(), "its lift is on the way"
    reconciling.deliver()
    assert failed.action_id not in reconciling.gateway.in_force
    assert "log restricts 1 principal(s) that the record does not" in reconciling.titles()


def test_what_nobody_decided_is_lifted_too(reconciling: Reconciling) -> None:
    reconciling.deliver()
    one = next(iter(reconciling.gateway.in_force.values()))
    unknown = msgspec.structs.replace(one, idempotency_key="act_x", action_id="act_x", target=account("zoe"))
    reconciling.gateway.take(unknown)
    assert reconciling.reconciler.run_once() == Reconciled(stray=1)
    reconciling.deliver()
    assert "act_x" not in reconciling.gateway.in_force
    [lift] = reconciling.world.actions(effects=[EffectKind.LIFT])
    assert lift.state.value == "confirmed"
    assert lift.reason == "reconciliation: log has throttle in force; by the record it does not know it"


@pytest.mark.parametrize("gone", [True, False])
def test_an_end_that_was_refused_is_seen_or_asked_for_again(reconciling: Reconciling, gone: bool) -> None:
    reconciling.deliver()
    first, _ = reconciling.world.actions(effects=[EffectKind.THROTTLE])
    reversals.lift(reconciling.world.record, reconciling.world.clock, first.action_id, "ana", "wrong account")
    reconciling.adapter.armed.append(MISBEHAVIOURS["409"])
    reconciling.deliver()
    assert first.action_id in reconciling.gateway.in_force, "the lift was refused"
    if gone:
        reconciling.gateway.forget(first.action_id)
    assert reconciling.reconciler.run_once() == Reconciled(over=1)
    reconciling.deliver()
    assert first.action_id not in reconciling.gateway.in_force
    ended = next(one for one in reconciling.world.actions() if one.action_id == first.action_id)
    assert (ended.state.value, ended.lifted_by) == ("lifted", "ana")
    assert reconciling.reconciler.run_once() == Reconciled()


def test_one_that_does_not_answer_is_named_and_changes_nothing(reconciling: Reconciling) -> None:
    reconciling.deliver()
    reconciling.gateway.forget(sorted(reconciling.gateway.in_force)[0])
    for blind in (1, 2):
        reconciling.adapter.blind = blind
        assert reconciling.reconciler.run_once().unread == ("log: does not say what is in force",)
        reconciling.adapter.blind = 0
    assert reconciling.reconciler.run_once().missing == 1


class TestReadingBack:
    def test_a_success_that_cannot_be_seen_is_tried_again(self, reconciling: Reconciling) -> None:
        reconciling.adapter.armed += [MISBEHAVIOURS["failure reported as success"]] * 2
        reconciling.deliver()
        assert {state for _, effect, state in reconciling.world.states() if effect == "throttle"} == {"dispatched"}
        reconciling.world.clock.advance(HOUR)
        reconciling.deliver()
        assert {state for _, effect, state in reconciling.world.states() if effect == "throttle"} == {"confirmed"}

    def test_a_refusal_of_what_is_in_force_is_a_success(self, reconciling: Reconciling) -> None:
        reconciling.adapter.armed += [MISBEHAVIOURS["success reported as refusal"]] * 2
        reconciling.deliver()
        assert {state for _, effect, state in reconciling.world.states() if effect == "throttle"} == {"confirmed"}
        assert "failed" not in reconciling.entries()

    def test_what_cannot_be_read_back_is_not_believed(self, reconciling: Reconciling) -> None:
        reconciling.adapter.blind = 2
        reconciling.deliver()
        assert {state for _, effect, state in reconciling.world.states() if effect == "throttle"} == {"dispatched"}
