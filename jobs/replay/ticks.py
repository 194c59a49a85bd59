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

CROWD = 20
"""So many new events are looked at by the next tick."""

PATIENCE = 5
"""Fewer wait for more, at most so many ticks: in sparse traffic looking at each event would take all the time."""

SILENCE_SHARE = 10
"""After a silence of length s the next look comes s / 10 later, in sparse traffic at least ten ticks later: a gap is
noticed at most that much later than in production, and a month without events costs a hundred looks, not 40,000."""


class Cadence(msgspec.Struct, frozen=True):
    """How a detector's windows close: on the grid of `every`, and `settle` later when it waits for late rows."""

    every: timedelta
    settle: timedelta = timedelta()


class TickSchedule:
    """The moments to look at, on the grid of `tick`.

    After news: the next point of the grid when much arrived, else a few points later; and the first point at which
    each longer cadence has closed a window over the news. In silence: ever more rarely. And whenever an effect ends
    (`expires`).
    """

    def __init__(self, tick: timedelta, cadences: Iterable[Cadence]) -> None:
        self._tick = tick
        # Windows that close faster are looked at in time by the looks that news and silence ask for.
        self._cadences = tuple(one for one in dict.fromkeys(cadences) if one.every > PATIENCE * tick)
        self._due: list[datetime] = []
        self._news: datetime | None = None
        self._waiting = 0
        self._crowded = False
        self._closing_known_until = EPOCH
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
        self._waiting += 1
        if self._waiting == 1:
            self._add(self.after(at) + (PATIENCE - 1) * self._tick)
        elif self._waiting == CROWD:
            self._add(self.after(at))
        if at >= self._closing_known_until and self._cadences:
            closings = [(EPOCH + ((at - EPOCH) // one.every + 1) * one.every, one.settle) for one in self._cadences]
            for closes, settle in closings:
                self._add(self.at_or_after(closes + settle))
            self._closing_known_until = min(closes for closes, _ in closings)

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
        if self._waiting:
            self._crowded = self._waiting >= CROWD
        self._waiting = 0
        if self._news is not None:
            silence = now - self._news
            # Where much came until now, that nothing comes is news.
            brisk = self._crowded and silence < 2 * PATIENCE * self._tick
            pace = self._tick if brisk else 2 * PATIENCE * self._tick
            self._silence = self.at_or_after(now + max(pace, silence / SILENCE_SHARE))

    def after(self, moment: datetime) -> datetime:
        """The first point of the grid after `moment`."""
        return EPOCH + ((moment - EPOCH) // self._tick + 1) * self._tick

    def at_or_after(self, moment: datetime) -> datetime:
        """The first point of the grid that is not before `moment`."""
        return EPOCH - (EPOCH - moment) // self._tick * self._tick

    def _add(self, moment: datetime) -> None:
        if moment not in self._due:
            heapq.heappush(self._due, moment)
