"""Real seconds on a clock that may run faster: networks and people do not speed up with it."""

from __future__ import annotations

from datetime import timedelta

from vigil.clock import Clock


def span_of(clock: Clock, real_seconds: float) -> timedelta:
    """How far `clock` moves in so many real seconds; a simulated clock, which has none, counts its own."""
    per_second = clock.real_seconds(timedelta(seconds=1))
    return timedelta(seconds=real_seconds / per_second if per_second else real_seconds)


def is_simulated(clock: Clock) -> bool:
    """Whether time stands still between two looks, so that being late means nothing."""
    return clock.real_seconds(timedelta(seconds=1)) == 0
