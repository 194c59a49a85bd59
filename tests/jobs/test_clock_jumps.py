"""A machine's clock that is set keeps no job, no lease and no delivery waiting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from enforcement.adapters import RecordingAdapter, make_recording_adapters
from enforcement.dispatcher import Dispatcher
from jobs.leadership import LEASE_REAL_S, Leadership
from jobs.scheduler import ClockWatch
from tests.faults.simulated import HandClock
from vigil.effect import Action, ActionState, EffectKind, Target
from vigil.record import Record, decisions, outbox
from vigil.settings import Settings
from vigil.signal import SubjectType

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Stopwatch:
    """Runs on when clocks are set."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_jump_is_noticed_once_and_slewing_is_none() -> None:
    wall, stopwatch = Stopwatch(), Stopwatch()
    watch = ClockWatch(wall, stopwatch)
    for wall_step, real_step, seen in ((1.0, 1.0, 0.0), (1.5, 1.0, 0.0), (-3599.0, 1.0, -3600.0), (1.0, 1.0, 0.0)):
        wall.seconds += wall_step
        stopwatch.seconds += real_step
        assert watch.jump() == seen


def test_a_lease_far_ahead_that_nobody_renews_is_over_by_the_stopwatch(record: Record) -> None:
    clock, stopwatch = HandClock(NOON), Stopwatch()
    dead = Leadership(record, clock, "dead", monotonic=stopwatch)
    heir = Leadership(record, clock, "heir", monotonic=stopwatch)
    assert dead.campaign()
    clock.move(-3 * HOUR)
    assert not heir.campaign()
    stopwatch.seconds += 2 * LEASE_REAL_S
    assert not heir.campaign()
    stopwatch.seconds += 1
    assert heir.campaign()
    with record.write() as connection:
        assert heir.holds(connection)
        assert not dead.holds(connection)


def test_one_that_is_renewed_is_not_taken_however_far_ahead_it_lies(record: Record) -> None:
    clock, stopwatch = HandClock(NOON), Stopwatch()
    alive = Leadership(record, clock, "alive", monotonic=stopwatch)
    other = Leadership(record, clock, "other", monotonic=stopwatch)
    for _ in range(10):
        assert alive.campaign()
        assert not other.campaign()
        stopwatch.seconds += LEASE_REAL_S / 3
        clock.move(timedelta(seconds=LEASE_REAL_S / 3))


def action(**fields: object) -> Action:
    target = Target(SubjectType.ACCOUNT, "a", "acme")
    base = {
        "action_id": "act_1",
        "at": NOON,
        "effect": EffectKind.THROTTLE,
        "parameters": {"rpm": 1},
        "target": target,
        "policy": "p",
        "policy_version": "1",
        "incident_id": None,
        "state": ActionState.DISPATCHED,
        "reason": "",
    }
    return Action(**{**base, **fields})  # type: ignore[arg-type]


def test_what_was_decided_before_the_clock_went_back_goes_out_and_a_claim_of_then_has_ended(record: Record) -> None:
    clock, gateway = HandClock(NOON), RecordingAdapter()
    with record.write() as connection:
        decisions.decide(connection, action(), "log", "policy:p")
        lease = NOON + timedelta(seconds=50)
        assert outbox.claim(connection, NOON, "a worker that died", lease, 10)
    clock.move(-3 * HOUR)
    dispatcher = Dispatcher(record, clock, make_recording_adapters(gateway), Settings())
    assert dispatcher.run_once() == 1
    assert [one.action_id for one in gateway.delivered] == ["act_1"]


def test_what_is_to_be_executed_later_waits_for_its_time(record: Record) -> None:
    clock, gateway = HandClock(NOON), RecordingAdapter()
    with record.write() as connection:
        decisions.decide(connection, action(execute_at=NOON + 2 * HOUR), "log", "policy:p")
    dispatcher = Dispatcher(record, clock, make_recording_adapters(gateway), Settings())
    for _ in range(119):
        assert dispatcher.run_once() == 0
        clock.move(timedelta(minutes=1))
    clock.move(timedelta(minutes=1))
    assert dispatcher.run_once() == 1
    assert len(gateway.delivered) == 1
