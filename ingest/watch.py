"""Too many bad events on one partition: a producer is broken, and going on would only hide it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from vigil.errors import TooManyBadEvents

WINDOW_EVENTS = 10_000


class BadEventWatch:
    """Counts bad events of one partition: their share of the last 10,000 and their longest unbroken run."""

    def __init__(self, share_limit: float, run_limit: int) -> None:
        self._share_limit = share_limit
        self._run_limit = run_limit
        self._seen = 0
        self._run = 0
        self._bad_at: deque[int] = deque()

    def observe(self, outcomes_bad: Iterable[bool]) -> None:
        """Count outcomes in order. Raises TooManyBadEvents at a limit, after counting all of them.

        A partition that has not seen 10,000 events yet is judged as if the missing ones were good: a handful of bad
        events at the start stops nothing.
        """
        longest = self._run
        for bad in outcomes_bad:
            self._seen += 1
            self._run = self._run + 1 if bad else 0
            if bad:
                longest = max(longest, self._run)
                self._bad_at.append(self._seen)
        while self._bad_at and self._bad_at[0] <= self._seen - WINDOW_EVENTS:
            self._bad_at.popleft()
        if longest >= self._run_limit:
            raise TooManyBadEvents(f"{longest:,} bad events in a row (limit {self._run_limit:,})")
        if len(self._bad_at) > self._share_limit * WINDOW_EVENTS:
            share = len(self._bad_at) / WINDOW_EVENTS
            raise TooManyBadEvents(
                f"{share:.1%} of the last {WINDOW_EVENTS:,} events are bad (limit {self._share_limit:.0%})"
            )
