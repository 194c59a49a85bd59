"""One scheduler leads; a crashed one is followed, a resigned one at once, a late one starts nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.leadership import LEASE_REAL_S, Leadership, span_of_real_seconds
from vigil.clock import ScaledClock, SimulatedClock, SystemClock
from vigil.record import Record

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


class StillRealTime(SimulatedClock):
    """Moved by hand, but its spans take as long as they say."""

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds()


@pytest.fixture
def clock() -> StillRealTime:
    return StillRealTime(NOON)


def test_one_leads_and_the_others_wait(record: Record, clock: StillRealTime) -> None:
    first, second = Leadership(record, clock, "first"), Leadership(record, clock, "second")
    assert first.campaign()
    assert not second.campaign()
    assert (first.fence, second.fence) == (1, None)
    assert second.current_holder() == "first"


def test_renewing_keeps_the_number_and_a_change_of_holder_raises_it(record: Record, clock: StillRealTime) -> None:
    first, second = Leadership(record, clock, "first"), Leadership(record, clock, "second")
    first.campaign()
    clock.advance(timedelta(seconds=LEASE_REAL_S - 1))
    assert first.campaign()
    assert first.fence == 1
    clock.advance(timedelta(seconds=LEASE_REAL_S))
    assert second.campaign()
    assert second.fence == 2


def test_one_that_was_cut_off_starts_nothing_when_it_comes_back(record: Record, clock: StillRealTime) -> None:
    first, second = Leadership(record, clock, "first"), Leadership(record, clock, "second")
    first.campaign()
    with record.write() as connection:
        assert first.holds(connection)
    clock.advance(timedelta(seconds=LEASE_REAL_S))
    with record.write() as connection:
        assert not first.holds(connection), "its lease has run out, even if nobody took it"
    second.campaign()
    with record.write() as connection:
        assert not first.holds(connection)
        assert second.holds(connection)
    assert not first.campaign()


def test_leading_again_after_a_lapse_is_another_term(record: Record, clock: StillRealTime) -> None:
    first = Leadership(record, clock, "first")
    first.campaign()
    clock.advance(timedelta(seconds=LEASE_REAL_S))
    assert first.campaign()
    assert first.fence == 2


def test_resigning_lets_another_lead_at_once(record: Record, clock: StillRealTime) -> None:
    first, second = Leadership(record, clock, "first"), Leadership(record, clock, "second")
    first.campaign()
    first.resign()
    assert (first.fence, second.current_holder()) == (None, None)
    assert second.campaign()
    first.resign()
    assert second.current_holder() == "second", "one that does not lead takes nothing away"


def test_a_fast_clock_makes_leases_long_in_its_own_time() -> None:
    fast = ScaledClock(NOON, datetime(2026, 1, 1, tzinfo=UTC), 60.0)
    assert span_of_real_seconds(fast, 15) == timedelta(minutes=15)
    assert span_of_real_seconds(SystemClock(), 15) == timedelta(seconds=15)
    with pytest.raises(ValueError, match="stands still"):
        span_of_real_seconds(SimulatedClock(NOON), 15)
