"""When replay looks. Production looks all the time; replay at the moments at which a look can find something.

Pure. Which ticks there are up to a moment depends on the events before it only, so the rest of a file cannot change
what was said before.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SILENCE_SHARE = 10
"""After a silence of length s the next look comes s / 10 later: a gap is noticed at most a tenth later than in
production, and a month without events costs a hundred looks instead of forty thousand."""


class Cadence(msgspec.Struct, frozen=True):
    """How a detector's windows close: on the grid of `every`, and `settle` later when it waits for late rows."""

    every: timedelta
    settle: timedelta = timedelta()


class TickSchedule:
    """The moments to look at, on the grid of `tick`.

    After news at t: the next point of the grid, and the first one at which each cadence has closed a window over t.
    In silence: ever more rarely. And whenever an effect ends (`expires`).
    """

    def __init__(self, tick: timedelta, cadences: Iterable[Cadence]) -> None:
        self._tick = tick
        self._cadences = tuple(dict.fromkeys(cadences))
        self._due: list[datetime] = []
        self._news: datetime | None = None
        self._news_seen_until = EPOCH
        self._silence: datetime | None = None
        self._expiry: datetime | None = None

    @property
    def next(self) -> datetime | None:
        """The next moment to look; None before the first news."""
        moments = [self._due[0] if self._due else None, self._silence, self._expiry]
        return min((moment for moment in moments if moment is not None), default=None)

    def news(self, at: datetime) -> None:
        """Something arrived at `at`. Never goes back in time."""
        self._news = at
        if at < self._news_seen_until:
            return  # closes the same windows as the news before
        seen_until = self.after(at)
        self._add(seen_until)
        for cadence in self._cadences:
            closes = EPOCH + ((at - EPOCH) // cadence.every + 1) * cadence.every
            self._add(self.at_or_after(closes + cadence.settle))
            seen_until = min(seen_until, closes)
        self._news_seen_until = seen_until

    def expires(self, at: datetime | None) -> None:
        """The earliest end of an effect in force; None when there is none."""
        self._expiry = None if at is None else self.at_or_after(at)

    def expiry_due(self, now: datetime) -> bool:
        """Whether an effect ends by `now`."""
        return self._expiry is not None and self._expiry <= now

    def looked(self, now: datetime) -> None:
        """The look at `now` is over."""
        while self._due and self._due[0] <= now:
            heapq.heappop(self._due)
        if self.expiry_due(now):
            # What did not end then is looked at again at the next tick.
            self._expiry = now + self._tick
        if self._news is not None:
            self._silence = self.at_or_after(now + max(self._tick, (now - self._news) / SILENCE_SHARE))

    def after(self, moment: datetime) -> datetime:
        """The first point of the grid after `moment`."""
        return EPOCH + ((moment - EPOCH) // self._tick + 1) * self._tick

    def at_or_after(self, moment: datetime) -> datetime:
        """The first point of the grid that is not before `moment`."""
        return EPOCH - (EPOCH - moment) // self._tick * self._tick

    def _add(self, moment: datetime) -> None:
        if moment not in self._due:
            heapq.heappush(self._due, moment)
