"""What has arrived: calls by minute, and from when on anything is new. One cheap query serves all detectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from detectors.schedule import MINUTE, floor
from vigil.warehouse import Warehouse

LATENESS = timedelta(hours=2)
"""How late a row may come and still be looked at again."""

_QUERY = """
SELECT minute, sum(calls), sum(with_content) FROM source_minutes
WHERE minute >= {start:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
GROUP BY minute
"""


@dataclass(frozen=True)
class Arrivals:
    """Calls (all, and those with content) of each minute in the `LATENESS` before `until`, as they stood when read.

    The minute that holds `until` is not over: its count may hold later rows (history, clocks of senders that run
    ahead) and is not comparable with a later reading.
    """

    until: datetime
    minutes: Mapping[datetime, tuple[int, int]]

    def fresh_from(self, before: Arrivals | None) -> datetime | None:
        """The first minute whose count differs from an earlier reading; None when nothing has arrived since.

        A minute that was not over at the earlier reading counts as new once more: rows may have joined it.
        """
        if before is None:
            return min(self.minutes, default=None)
        open_minute = floor(before.until, MINUTE)
        start = self.until - LATENESS
        changed = [
            minute
            for minute, counts in self.minutes.items()
            if minute >= start and (minute >= open_minute or before.minutes.get(minute) != counts)
        ]
        return min(changed, default=None)

    def calls(self, start: datetime, end: datetime) -> tuple[int, int]:
        """Calls, and calls with content, of the minutes in [start, end); at most the last two hours."""
        counts = [counts for minute, counts in self.minutes.items() if floor(start, MINUTE) <= minute < end]
        return sum(calls for calls, _ in counts), sum(content for _, content in counts)

    @property
    def newest(self) -> datetime | None:
        """The last minute in which anything arrived."""
        return max(self.minutes, default=None)


def read_arrivals(warehouse: Warehouse, now: datetime) -> Arrivals:
    """The last two hours of arrivals before `now`. Raises WarehouseUnavailable."""
    start = floor(now, MINUTE) - LATENESS
    rows = warehouse.query(_QUERY, {"start": start, "end": now})
    return Arrivals(now, {minute: (calls, content) for minute, calls, content in rows})
