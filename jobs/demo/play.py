"""Playing the hour: every event goes to the Kafka topic when the clock says so, past the gateway."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Protocol

from simulator.calls import Event
from vigil.clock import Clock

_LOOK_EVERY_S = 0.04


class Admission(Protocol):
    """Decides what becomes of a call, as a gateway does."""

    def admit(self, event: Event, at: datetime) -> Event:
        """The call as it went."""
        ...


class Played:
    """What has been played so far: numbers for the display and the report."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.sent = 0
        self.refused: Counter[str] = Counter()
        """Calls that the gateway turned away, by status."""


def play(
    events: Iterator[Event],
    clock: Clock,
    admission: Admission,
    send: Callable[[Event], None],
    finished: Callable[[Played], bool],
) -> Played:
    """Send each event once the clock has reached its time, until none is left or `finished` (asked 25 times a second)."""
    played = Played(clock.now())
    for event in events:
        at = datetime.fromisoformat(event["event_time"])
        while at > (now := clock.now()):
            played.at = now
            if finished(played):
                return played
            time.sleep(_LOOK_EVERY_S)
        gone = admission.admit(event, at)
        send(gone)
        played.sent += 1
        if gone is not event:
            played.refused[gone["status"]] += 1
    played.at = clock.now()
    finished(played)
    return played
