"""When a child that died is started again, and when that is given up. Pure: times come in, a delay goes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RestartPolicy:
    """Exponential backoff over the failures of the last minute; too many of them and the child is given up.

    >>> policy = RestartPolicy()
    >>> [policy.delay_s([0.0] * count, now=1.0) for count in range(1, 6)]
    [0.5, 1.0, 2.0, 4.0, None]
    """

    first_s: float = 0.5
    factor: float = 2.0
    longest_s: float = 15.0
    most_failures: int = 5
    within_s: float = 60.0

    def recent(self, failures: Sequence[float], now: float) -> list[float]:
        """The failures that still count; times are seconds of one monotonic clock."""
        return [at for at in failures if now - at <= self.within_s]

    def delay_s(self, failures: Sequence[float], now: float) -> float | None:
        """Seconds until the next start after `failures` (the latest included); None = give up."""
        count = len(self.recent(failures, now))
        if count >= self.most_failures:
            return None
        return min(self.longest_s, self.first_s * self.factor ** max(0, count - 1))
