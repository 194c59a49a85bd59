"""Times as senders write them, and the window in which an event may lie."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from ingest.dialects.base import Instant
from vigil.errors import BadEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A number is read in the largest unit that puts it before the year 5138: no unit overlaps another within 3,000 years.
_UNITS = ((10**11, 1_000_000, 1), (10**14, 1_000, 1), (10**17, 1, 1), (10**20, 1, 1_000))
"""(limit, microseconds a unit as numerator, denominator): seconds, milliseconds, microseconds, nanoseconds."""

# What ClickHouse's DateTime64(6) holds and every client can read.
_FIRST = datetime(1900, 1, 1, tzinfo=UTC)
_LAST = datetime(2261, 12, 31, tzinfo=UTC)


class Window(msgspec.Struct, frozen=True):
    """The event times that are accepted at one moment."""

    first: datetime
    last: datetime


def window(now: datetime, max_age_days: float, max_future_minutes: float) -> Window:
    """The window at `now`."""
    return Window(
        max(now - timedelta(days=min(max_age_days, 40_000.0)), _FIRST), now + timedelta(minutes=max_future_minutes)
    )


def instant(value: Instant, field: str) -> datetime:
    """`value` in UTC. Raises BadEvent, naming `field`, for a time without an offset or out of all bounds.

    >>> instant(1767225600, "event_time") == instant(1767225600000, "event_time") == instant("2026-01-01T01:00:00+01:00", "event_time")
    True
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise BadEvent(
                "wrong_value", f"`{field}` has no offset from UTC; end it with Z or +01:00, as RFC 3339 asks"
            )
        moment = value
    else:
        for limit, numerator, denominator in _UNITS:
            if -limit < value < limit:
                scaled = value * numerator
                microseconds = scaled // denominator if isinstance(scaled, int) else round(scaled / denominator)
                break
        else:
            raise BadEvent("out_of_range", f"`{field}` is a number too large for a time in nanoseconds since 1970")
        moment = _EPOCH + timedelta(microseconds=microseconds)
    if not _FIRST <= moment <= _LAST:
        raise BadEvent("time_out_of_range", f"`{field}` lies outside the years 1900 to 2261; correct the sender")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def check_window(moment: datetime, allowed: Window) -> None:
    """Raises BadEvent for an event time outside the window."""
    if allowed.first <= moment <= allowed.last:
        return
    raise BadEvent(
        "time_out_of_range",
        f"`event_time` is {moment.isoformat(timespec='seconds')}; accepted are {allowed.first.isoformat(timespec='seconds')}"
        f" to {allowed.last.isoformat(timespec='seconds')}. Correct the sender's clock or unit, or for history raise"
        " ingest.max_age_days",
    )
