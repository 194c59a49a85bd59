"""Timed effects end by themselves, and somebody hears of it when they do not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from enforcement.adapters import Unreachable
from enforcement.lifts import Lifter
from tests.enforcement.sample import HOUR, NOW, RING_THROTTLE, World, policy, ring
from tests.enforcement.test_dispatcher import Delivering
from vigil.effect import EffectKind
from vigil.record import Record, actions, ledger, reversals
from vigil.signal import Window


def test_an_effect_ends_when_its_time_is_over_and_not_before(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE)])
    world.open(ring("a", "b"))
    world.settle()
    world.clock.advance(timedelta(hours=23, minutes=59))
    assert world.lift() == 0
    world.clock.advance(timedelta(minutes=1))
    assert world.lift() == 2
    assert world.lift() == 0, "their lifts are on the way"
    assert world.states(effects=[EffectKind.THROTTLE]) == [
        ("a", "throttle", "confirmed"),
        ("b", "throttle", "confirmed"),
    ]
    world.dispatch()
    assert world.states(effects=[EffectKind.THROTTLE]) == [("a", "throttle", "lifted"), ("b", "throttle", "lifted")]
    [lift, _] = world.actions(effects=[EffectKind.LIFT])
    assert lift.reason == "expiry: throttle was to end at 2026-11-02 12:00:00 UTC"
    [action, _] = world.actions(effects=[EffectKind.THROTTLE])
    assert action.lifted_by == actions.EXPIRY
    with record.read() as connection:
        assert ledger.verify(connection).ok


def test_a_ban_does_not_end(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE, ladder="[ban]")])
    world.open(ring("a"))
    world.settle()
    world.clock.advance(timedelta(days=3650))
    assert world.lift() == 0


def test_after_it_ended_the_same_effect_can_be_imposed_again(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE, ladder="[throttle: {rpm: 1, for: 1h}]", grace="30m")])
    world.open(ring("a"))
    world.settle()
    for _ in range(2):
        world.clock.advance(HOUR)
        world.settle()  # the throttle ends
        world.clock.advance(HOUR)
        world.update("inc_1", window=Window(NOW - HOUR, world.clock.now()))
        world.settle()
    states = [state for _, _, state in world.states(effects=[EffectKind.THROTTLE])]
    assert states == ["lifted", "lifted", "confirmed"]


@pytest.mark.parametrize("cause", ["the gateway is away", "nobody lifted"])
def test_an_effect_that_is_not_lifted_within_a_minute_pages_once_an_incident(
    record: Record, tmp_path: Path, cause: str
) -> None:
    delivering = Delivering(record, tmp_path)
    delivering.world.open(ring("a", "b"))
    delivering.world.enforce()
    delivering.run()
    lifter = Lifter(record, delivering.clock)
    delivering.clock.advance(timedelta(hours=24))
    if cause == "the gateway is away":
        delivering.gateway.script = lambda delivery: Unreachable("503")
        assert lifter.run_once() == 2
        delivering.run()
        delivering.clock.advance(timedelta(seconds=60))
        lifter.run_once()
        delivering.run()
        assert delivering.titles() == []
        delivering.clock.advance(timedelta(seconds=1))
    else:
        delivering.clock.advance(timedelta(seconds=61))
    lifter.run_once()
    lifter.run_once()
    delivering.run()
    [page] = delivering.pages.delivered
    assert page.parameters["title"] == "2 effect(s) should have been lifted and are not"
    assert "throttle on account a, account b ended at 2026-11-02 12:00:00 UTC" in page.parameters["text"]
    assert page.incident_id == "inc_1"


def test_a_person_who_lifts_what_is_expiring_is_heard(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE)])
    world.open(ring("a"))
    world.settle()
    world.clock.advance(timedelta(hours=24))
    world.lift()
    [action] = world.actions(effects=[EffectKind.THROTTLE])
    reversals.lift(record, world.clock, action.action_id, "ana", "was wrong all along")
    world.dispatch()
    [action] = world.actions(effects=[EffectKind.THROTTLE])
    assert action.lifted_by == "ana", "so that it is no strike"
