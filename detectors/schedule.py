"""Which windows are due. Pure: times in, windows out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from detectors.base import Detector
from vigil.signal import Window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def floor(moment: datetime, step: timedelta) -> datetime:
    """The last point of the grid of `step` (counted from 1970 in UTC) that is not after `moment`.

    >>> floor(datetime(2026, 11, 1, 12, 34, 56, tzinfo=UTC), timedelta(minutes=5)).strftime("%H:%M:%S")
    '12:30:00'
    """
    return EPOCH + (moment - EPOCH) // step * step


def due_windows(
    detector: Detector, now: datetime, settle: timedelta, last_end: datetime | None, *, catch_up: bool = True
) -> Iterator[Window]:
    """Windows of `detector` that have closed since `last_end`, oldest first; none when the last one is still current.

    The first look ever covers the whole lookback. After a pause, `missed_windows` windows of one cadence come before
    the present one, and the first of all begins where the last look ended.
    """
    end = floor(now - settle if detector.complete else now, detector.cadence)
    if last_end is not None and end <= last_end:
        return
    start = max(last_end or end - detector.lookback, end - detector.lookback)
    missed = (
        min(detector.missed_windows, (end - start) // detector.cadence - 1) if last_end is not None and catch_up else 0
    )
    for number in range(missed, 0, -1):
        until = end - number * detector.cadence
        yield Window(start, until)
        start = until
    yield Window(start, end)


def widened(window: Window, fresh_from: datetime, lookback: timedelta) -> Window:
    """`window`, begun early enough to cover rows that came in late, but never beyond the lookback."""
    return Window(max(min(window.start, fresh_from), window.end - lookback), window.end)
