"""Events that were sent twice, found in bounded memory."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from jobs.replay.arrange import Arrival
from vigil.warehouse import Warehouse

HORIZON = timedelta(hours=1)
MAX_IDS = 1_000_000
_LOOKUP = 1_000


class RecentIds:
    """The event ids of the last hour of arrivals (at most a million)."""

    def __init__(self) -> None:
        self._ids: set[uuid.UUID] = set()
        self._order: deque[tuple[datetime, uuid.UUID]] = deque()

    def is_new(self, arrival: Arrival) -> bool:
        """Whether its id was not seen lately; it is from now on."""
        while self._order and (self._order[0][0] < arrival.at - HORIZON or len(self._order) >= MAX_IDS):
            self._ids.discard(self._order.popleft()[1])
        event_id = arrival.item.event.event_id
        if event_id in self._ids:
            return False
        self._ids.add(event_id)
        self._order.append((arrival.at, event_id))
        return True


def not_written_before(late: Sequence[Arrival], warehouse: Warehouse) -> list[Arrival]:
    """Those of the late arrivals that the warehouse does not hold: the same event again is as old as the first."""
    fresh: list[Arrival] = []
    for start in range(0, len(late), _LOOKUP):
        part = late[start : start + _LOOKUP]
        rows = warehouse.query(
            """
            SELECT event_id FROM events
            WHERE event_id IN {ids:Array(UUID)} AND event_time IN {times:Array(DateTime64(6, 'UTC'))}
            """,
            {
                "ids": [str(one.item.event.event_id) for one in part],
                "times": sorted({one.item.event.event_time for one in part}),
            },
        )
        found = {event_id for (event_id,) in rows}
        fresh += [one for one in part if one.item.event.event_id not in found]
    return fresh
