"""A timed suspension ends within a minute of its end: across a restart, a change of leader, and the day clocks change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enforcement.adapters import Adapter, Answer, RecordingAdapter, Unreachable
from enforcement.dispatcher import Dispatcher
from enforcement.lifts import LATE_S, Lifter
from jobs.leadership import LEASE_REAL_S, Leadership
from tests.enforcement.sample import RING_THROTTLE, World, policy, ring
from tests.enforcement.scripted import ScriptedAdapter
from tests.faults.simulated import HandClock
from vigil.delivery import Delivery
from vigil.effect import ActionState, EffectKind
from vigil.record import Record
from vigil.settings import EnforcementSettings, JobsSettings

TURN = timedelta(seconds=JobsSettings().lift_every_s)
SPRING = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
"""Half an hour before clocks in Berlin change."""


@pytest.fixture(params=[SPRING, AUTUMN, datetime(2026, 6, 1, tzinfo=UTC)], ids=["spring", "autumn", "summer"])
def start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[datetime]:
    """On a machine in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


class Suspended:
    """One account suspended for an hour, and processes that come and go."""

    def __init__(self, record: Record, folder: Path, start: datetime) -> None:
        self.record, self.clock = record, HandClock(start)
        alone = "{families: 1, because: one detector is enough for a test}"
        rules = [policy(folder, RING_THROTTLE, ladder="[suspend: {for: 1h}]", agreement=alone)]
        at_once = EnforcementSettings(group_wait_s=0)
        self.world = World(record, rules, clock=self.clock, enforcement=at_once)
        self.gateway = ScriptedAdapter()
        self.pages = RecordingAdapter()
        self.world.open(ring("a", opened_at=start, updated_at=start))
        self.world.enforce()
        self.turn()
        self.end = start + timedelta(hours=1)

    def turn(self) -> None:
        """A process that has just started does one turn; nothing is kept from the one before."""
        adapters: dict[str, Adapter] = {"log": self.gateway, "page": self.pages}
        Lifter(self.record, self.clock).run_once()
        dispatcher = Dispatcher(self.record, self.clock, adapters, self.world.settings)
        while dispatcher.run_once():
            pass

    def run_until(self, moment: datetime) -> None:
        while self.clock.now() < moment:
            self.clock.move(min(TURN, moment - self.clock.now()))
            self.turn()

    def state(self) -> ActionState:
        [suspension] = self.world.actions(effects=[EffectKind.SUSPEND])
        return suspension.state

    def lifted_after(self) -> timedelta:
        [suspension] = self.world.actions(effects=[EffectKind.SUSPEND])
        assert suspension.lifted_at is not None
        return suspension.lifted_at - self.end

    def titles(self) -> list[str]:
        return [one.parameters["title"] for one in self.pages.delivered]


@pytest.fixture
def suspended(record: Record, tmp_path: Path, start: datetime) -> Suspended:
    found = Suspended(record, tmp_path, start)
    assert found.state() is ActionState.CONFIRMED
    return found


def test_it_ends_within_a_minute_whatever_local_clocks_do_and_whoever_restarts(suspended: Suspended) -> None:
    suspended.run_until(suspended.end - timedelta(seconds=1))
    assert suspended.state() is ActionState.CONFIRMED, "not a second early"
    suspended.run_until(suspended.end + timedelta(seconds=60))
    assert suspended.state() is ActionState.LIFTED
    assert timedelta(0) <= suspended.lifted_after() <= timedelta(seconds=60)
    assert suspended.titles() == []


def test_a_change_of_leader_at_its_end_leaves_time_enough(suspended: Suspended) -> None:
    first = Leadership(suspended.record, suspended.clock, "first")
    second = Leadership(suspended.record, suspended.clock, "second")
    suspended.clock.move(suspended.end - suspended.clock.now() - timedelta(seconds=1))
    assert first.campaign()
    # The first dies now, without a word; the second asks every five seconds.
    while not second.campaign():
        suspended.clock.move(timedelta(seconds=5))
    assert suspended.clock.now() - suspended.end < timedelta(seconds=LEASE_REAL_S + 5)
    suspended.run_until(suspended.clock.now() + TURN)
    assert suspended.state() is ActionState.LIFTED
    assert suspended.lifted_after() <= timedelta(seconds=60)


def test_one_that_does_not_end_in_time_pages_within_two_turns(suspended: Suspended) -> None:
    def away(delivery: Delivery) -> Answer | None:
        return Unreachable("503") if delivery.effect is EffectKind.LIFT else None

    suspended.gateway.script = away
    suspended.run_until(suspended.end + timedelta(seconds=LATE_S) + 2 * TURN)
    assert suspended.state() is ActionState.CONFIRMED
    assert suspended.titles() == ["1 effect(s) should have been lifted and are not"]
    [page] = suspended.pages.delivered
    lines = [line.split(":")[0] for line in page.parameters["text"].splitlines()]
    assert lines == ["What", "Who", "How sure", "Since", "Already done", "Do now"]


def test_after_an_outage_of_everything_it_ends_at_once_and_somebody_hears_of_it(suspended: Suspended) -> None:
    suspended.clock.move(timedelta(hours=3))
    suspended.turn()
    assert suspended.state() is ActionState.LIFTED
    assert suspended.titles() == ["1 effect(s) should have been lifted and are not"]
