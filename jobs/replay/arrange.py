"""Putting the events of one file in order of time, without letting one wrong clock lead all of them astray.

The watermark is how far the file has come. Events up to five minutes behind it are put in order; what is older came
late, as it can in production, and arrives at the watermark. An event more than five minutes ahead of it is either a
gap in the traffic or a wrong clock: it waits until the next lines have voted.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from ingest.outcome import Accepted, DeadLetter

REORDER = timedelta(minutes=5)
VOTES = 20
"""Lines that vote on a jump, and lines among which the beginning is looked for."""

AGREEING = 3
"""A jump is a gap when at least one in so many of the next lines lies behind it: one clock is wrong more often than
a third of all clocks."""

BEGINNING = 3
"""Events that must lie close together for the file to begin with them."""


MAX_WAITING_EVENTS = 100_000
MAX_WAITING_BYTES = 64 * 2**20
"""What is put in order at most: in traffic denser than that, less than five minutes."""


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """An event and when it arrives: at its own time, or `late`, at the watermark of the file."""

    at: datetime
    seq: int
    item: Accepted
    late: bool


class _Jump(msgspec.Struct, gc=False):
    item: Accepted
    votes: int = 0
    agreeing: int = 0


class Arranger:
    """Takes one file's events in the order of its lines, gives them out in the order in which they arrive.

    Holds the events of five minutes (within the limits above) and at most `VOTES` more. Events outside [watermark − `max_age`,
    watermark + `max_future`] become dead letters. Pure and deterministic; what has been given out depends on nothing
    that comes later than `VOTES` lines and five minutes of traffic.
    """

    def __init__(self, max_age: timedelta, max_future: timedelta) -> None:
        self._max_age = max_age
        self._max_future = max_future
        self._opening: list[Accepted] = []
        self._watermark: datetime | None = None
        self._given_out = datetime.min.replace(tzinfo=UTC)
        self._heap: list[tuple[datetime, int, Arrival]] = []
        self._jumps: list[_Jump] = []
        self._waiting_bytes = 0
        self._seq = 0

    def feed(self, item: Accepted) -> Iterator[Arrival | DeadLetter]:
        """Take the next event; gives out what is certain now."""
        if self._watermark is None:
            self._opening.append(item)
            if len(self._opening) >= VOTES:
                yield from self._begin()
            return
        yield from self._take(item, self._watermark)

    def finish(self) -> Iterator[Arrival | DeadLetter]:
        """The file has ended; gives out the rest."""
        if self._watermark is None and self._opening:
            yield from self._begin()
        while self._jumps:
            yield from self._judge()
        while self._heap:
            arrival = self._pop()
            if self._watermark is not None and arrival.at > self._watermark:
                # The file never came to this time: it arrived when the file ended.
                arrival = Arrival(self._watermark, arrival.seq, arrival.item, True)
            yield arrival

    def _begin(self) -> Iterator[Arrival | DeadLetter]:
        opening, self._opening = self._opening, []
        self._watermark = beginning([item.event.event_time for item in opening], self._max_age)
        self._given_out = self._watermark - REORDER
        for item in opening:
            yield from self._take(item, self._watermark)

    def _take(self, item: Accepted, watermark: datetime) -> Iterator[Arrival | DeadLetter]:
        at = item.event.event_time
        for jump in self._jumps:
            jump.votes += 1
            jump.agreeing += at >= jump.item.event.event_time - REORDER
        if at <= watermark + REORDER:
            yield from self._admit(item, moves=True)
        else:
            self._jumps.append(_Jump(item))
        while self._jumps and self._jumps[0].votes >= VOTES:
            yield from self._judge()

    def _judge(self) -> Iterator[Arrival | DeadLetter]:
        """Decide on the oldest jump, and take in those that lie close to it."""
        jump = self._jumps.pop(0)
        at = jump.item.event.event_time
        assert self._watermark is not None
        if jump.agreeing * AGREEING >= jump.votes:
            yield from self._admit(jump.item, moves=True)
        elif at <= self._watermark + self._max_future:
            # Its clock may be wrong, but not by more than is accepted: it waits for its time without leading there.
            yield from self._admit(jump.item, moves=False)
        else:
            yield _too_far_ahead(jump.item, self._watermark, self._max_future)
        waiting, self._jumps = self._jumps, []
        for other in waiting:
            if other.item.event.event_time <= self._watermark + REORDER:
                yield from self._admit(other.item, moves=True)
            else:
                self._jumps.append(other)

    def _admit(self, item: Accepted, *, moves: bool) -> Iterator[Arrival | DeadLetter]:
        at = item.event.event_time
        assert self._watermark is not None
        if at < self._watermark - self._max_age:
            yield _too_old(item, self._watermark, self._max_age)
            return
        late = at < self._given_out
        if moves and at > self._watermark:
            self._watermark = at
        arrival = Arrival(self._watermark if late else at, self._seq, item, late)
        self._seq += 1
        heapq.heappush(self._heap, (arrival.at, arrival.seq, arrival))
        self._waiting_bytes += len(item.raw)
        self._given_out = max(self._given_out, self._watermark - REORDER)
        while self._heap and (self._heap[0][0] < self._given_out or self._is_full()):
            out = self._pop()
            self._given_out = max(self._given_out, out.at)
            yield out

    def _is_full(self) -> bool:
        return len(self._heap) > MAX_WAITING_EVENTS or self._waiting_bytes > MAX_WAITING_BYTES

    def _pop(self) -> Arrival:
        arrival = heapq.heappop(self._heap)[2]
        self._waiting_bytes -= len(arrival.item.raw)
        return arrival


def beginning(times: list[datetime], max_age: timedelta) -> datetime:
    """Where a file begins, from the times of its first lines: not at one that lies alone far before the others.

    Times that are less than `max_age` apart lie together. The first group of at least three is the beginning; without
    one, the largest group, of equally large ones the first.
    """
    groups: list[list[datetime]] = []
    for moment in sorted(times):
        if groups and moment - groups[-1][-1] <= max_age:
            groups[-1].append(moment)
        else:
            groups.append([moment])
    large = [group for group in groups if len(group) >= BEGINNING]
    return (large or [max(groups, key=len)])[0][0]


def _too_far_ahead(item: Accepted, watermark: datetime, limit: timedelta) -> DeadLetter:
    return _dead(
        item,
        f"`event_time` is {item.event.event_time.isoformat(timespec='seconds')}, more than {_span(limit)} after the events"
        f" around it ({watermark.isoformat(timespec='seconds')}), and the lines that follow do not agree with it; correct"
        " the sender's clock or unit",
    )


def _too_old(item: Accepted, watermark: datetime, limit: timedelta) -> DeadLetter:
    return _dead(
        item,
        f"`event_time` is {item.event.event_time.isoformat(timespec='seconds')}, more than {_span(limit)} before the events"
        f" around it ({watermark.isoformat(timespec='seconds')}); correct the sender's clock or unit, or for history"
        " raise ingest.max_age_days",
    )


def _dead(item: Accepted, reason: str) -> DeadLetter:
    return DeadLetter(
        raw=item.raw,
        origin=item.origin,
        at=item.received_at,
        error_class="time_out_of_range",
        reason=reason,
        dialect=item.dialect,
    )


def _span(span: timedelta) -> str:
    days = span / timedelta(days=1)
    return f"{days:g} days" if days >= 1 else f"{span / timedelta(minutes=1):g} minutes"
