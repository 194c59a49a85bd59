"""Time, injected. No component reads the machine's clock by itself.

Three clocks serve the same code: production (`SystemClock`), replay (`SimulatedClock`, moved by the events) and
the demo (`ScaledClock`, an hour in a minute).
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What time it is, and how long a span of that time takes in real seconds."""

    def now(self) -> datetime:
        """The present, in UTC."""
        ...

    def real_seconds(self, span: timedelta) -> float:
        """Real seconds that pass while this clock advances by `span` (for timers and sleeps)."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds()


class ScaledClock:
    """Runs `speed` times as fast as the machine's clock; at the real time `started` it shows `origin`.

    Processes that share the three values agree on the time.

    >>> clock = ScaledClock(datetime(2026, 1, 1, tzinfo=UTC), datetime.now(UTC), 60.0)
    >>> clock.real_seconds(timedelta(hours=1))
    60.0
    """

    def __init__(self, origin: datetime, started: datetime, speed: float) -> None:
        self._origin = origin
        self._started = started.timestamp()
        self._speed = speed

    def now(self) -> datetime:
        return self._origin + timedelta(seconds=(time.time() - self._started) * self._speed)

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds() / self._speed


class SimulatedClock:
    """Stands still until moved; never backwards. Thread-safe.

    >>> clock = SimulatedClock(datetime(2026, 1, 1, tzinfo=UTC))
    >>> clock.advance_to(datetime(2026, 1, 2, tzinfo=UTC))
    >>> clock.now().day
    2
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def advance_to(self, moment: datetime) -> None:
        """Move to `moment`. Raises ValueError if that lies in the past."""
        with self._lock:
            if moment < self._now:
                raise ValueError(f"a simulated clock cannot go back from {self._now} to {moment}")
            self._now = moment

    def advance(self, span: timedelta) -> None:
        """Move by `span`."""
        with self._lock:
            self._now += span

    def real_seconds(self, span: timedelta) -> float:
        return 0.0
