"""What has arrived lately, counted where it is stored: the detectors need not ask the warehouse at every look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from detectors.arrivals import LATENESS, Arrivals
from detectors.schedule import MINUTE, floor
from ingest.outcome import Accepted


class ArrivalCounts:
    """Calls, and calls with content, by minute of event time: what the table `source_minutes` holds of the last hours."""

    def __init__(self) -> None:
        self._minutes: dict[datetime, tuple[int, int]] = {}
        self._start = datetime.min.replace(tzinfo=UTC)

    def add(self, stored: Sequence[Accepted]) -> None:
        """These events are in the warehouse now."""
        for minute in [minute for minute in self._minutes if minute < self._start]:
            del self._minutes[minute]
        for item in stored:
            event = item.event
            minute = event.event_time.replace(second=0, microsecond=0)
            calls, with_content = self._minutes.get(minute, (0, 0))
            self._minutes[minute] = (calls + 1, with_content + bool(event.input or event.output or event.system))

    def before(self, now: datetime) -> Arrivals:
        """The arrivals before `now`, as `detectors.arrivals.read_arrivals` reads them; `now` never goes back."""
        self._start = floor(now, MINUTE) - LATENESS
        minutes = (self._start + number * MINUTE for number in range(LATENESS // MINUTE + 1))
        return Arrivals(
            now, {minute: self._minutes[minute] for minute in minutes if minute < now and minute in self._minutes}
        )
