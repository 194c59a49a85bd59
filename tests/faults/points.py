"""Points at which a process can die or a database go away: before, in and after each transaction and each call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from vigil.record import Record


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, what it had not committed is rolled back."""


class FaultPoints:
    """Counts the steps of one process and does something terrible at one of them."""

    def __init__(self) -> None:
        self.steps = 0
        self.struck = 0
        self._at: int | None = None
        self._strike: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def arm(self, after: int, strike: Callable[[], None]) -> None:
        """At the `after`-th step from now call `strike`, which raises or kills."""
        with self._lock:
            self._at, self._strike = self.steps + after, strike

    def disarm(self) -> None:
        """Nothing terrible any more."""
        with self._lock:
            self._at = None

    def step(self) -> None:
        """Something is about to happen."""
        with self._lock:
            self.steps += 1
            strikes = self._at is not None and self.steps >= self._at
            if strikes:
                self._at = None
                self.struck += 1
        if strikes:
            self._strike()


class FaultyRecord(Record):
    """A record whose transactions have three fault points: before they begin, before and after they commit."""

    def __init__(self, engine: Engine, points: FaultPoints) -> None:
        super().__init__(engine)
        self._points = points

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self._points.step()
        with super().write() as connection:
            yield connection
            self._points.step()
        self._points.step()
