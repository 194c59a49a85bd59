"""The replay itself: events go in as they arrived, the clock follows them, and the loop looks as in production."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import func, select

from ingest.outcome import DeadLetter
from ingest.writer import EventWriter
from jobs.housekeeping import clean
from jobs.loop import Loop
from jobs.replay.arrange import Arrival
from jobs.replay.counts import ArrivalCounts
from jobs.replay.duplicates import RecentIds, not_written_before
from jobs.replay.ticks import TickSchedule
from vigil.clock import SimulatedClock
from vigil.effect import EffectKind
from vigil.record import Record, outbox
from vigil.record.action_rows import ON_DUTY
from vigil.record.schema import actions
from vigil.settings import Settings
from vigil.warehouse import Warehouse

CLEAN_EVERY = timedelta(days=1)


class Counts(msgspec.Struct, kw_only=True):
    """What became of the payloads read: the sum of the three."""

    written: int = 0
    duplicates: int = 0
    dead_lettered: int = 0


class Replay:
    """Feeds arrivals to a loop under a simulated clock. Use once: `run`.

    Events are stored ahead of the clock, a batch at a time, because detectors and account facts are held to what lies
    before the clock; what arrived late is stored when it arrived. So nothing said at t rests on anything later.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        record: Record,
        settings: Settings,
        schedule: TickSchedule,
        make_loop: Callable[[SimulatedClock], Loop],
        *,
        progress: Callable[[datetime], None] = lambda _: None,
    ) -> None:
        self._warehouse = warehouse
        self._record = record
        self._settings = settings
        self._writer = EventWriter(warehouse)
        self._schedule = schedule
        self._make_loop = make_loop
        self._progress = progress
        self._recent = RecentIds()
        self.arrived = ArrivalCounts()
        self._batch: list[Arrival] = []
        self._batch_bytes = 0
        self._dead: list[DeadLetter] = []
        self._tokens = 0
        self._cleaned: datetime | None = None
        self._pending = False
        self._clock: SimulatedClock | None = None
        self._loop: Loop | None = None
        self.counts = Counts()
        self.errors: Counter[str] = Counter()
        """How often each error of a detector came up."""
        self.seconds: dict[str, float] = {}
        """Real time: total, ingest, detect, enforce."""

    def run(self, stream: Iterable[Arrival | DeadLetter]) -> None:
        """Replay everything, then look once more after the last event has settled; not beyond: the end of a file is no gap."""
        started = time.perf_counter()
        limits = self._settings.ingest
        last: datetime | None = None
        for one in stream:
            if isinstance(one, DeadLetter):
                self._dead.append(one)
                self._batch_bytes += len(one.raw)
            elif self._recent.is_new(one):
                self._batch.append(one)
                self._batch_bytes += len(one.item.raw)
                last = one.at
            else:
                self.counts.duplicates += 1
            if len(self._batch) + len(self._dead) >= limits.batch_rows or self._batch_bytes >= limits.batch_bytes:
                self._play_batch()
        self._play_batch()
        if last is not None:
            settle = timedelta(seconds=self._settings.detect.settle_s)
            end = self._schedule.after(self._schedule.at_or_after(self._schedule.after(last) + settle))
            self._look_until(end)
            if self._now < end:
                self._look(end)
        total = time.perf_counter() - started
        seconds = self._loop.seconds if self._loop else {"detect": 0.0, "enforce": 0.0}
        self.seconds = {"total": total, "ingest": total - sum(seconds.values()), **seconds}

    @property
    def _now(self) -> datetime:
        assert self._clock is not None
        return self._clock.now()

    def _play_batch(self) -> None:
        batch, dead = self._batch, self._dead
        self._batch, self._dead, self._batch_bytes = [], [], 0
        if batch and self._clock is None:
            self._clock = SimulatedClock(batch[0].at)
            self._loop = self._make_loop(self._clock)
        self._store([one for one in batch if not one.late], dead)
        late: list[Arrival] = []
        for one in batch:
            due = self._schedule.next
            if due is not None and due <= one.at:
                self._store_late(late)
                late = []
                self._look_until(one.at)
            if one.late:
                late.append(one)
            self._schedule.news(one.at)
        self._store_late(late)

    def _store(self, arrivals: Sequence[Arrival], dead: Sequence[DeadLetter] = ()) -> None:
        if not arrivals and not dead:
            return
        self._tokens += 1
        accepted = [msgspec.structs.replace(one.item, received_at=one.at) for one in arrivals]
        written = self._writer.write(accepted, dead, token=f"replay:{self._tokens}")
        self.arrived.add(accepted)
        self.counts.written += written.events
        self.counts.dead_lettered += written.dead_letters

    def _store_late(self, late: list[Arrival]) -> None:
        if late:
            fresh = not_written_before(late, self._warehouse)
            self.counts.duplicates += len(late) - len(fresh)
            self._store(fresh)

    def _look_until(self, moment: datetime) -> None:
        while (due := self._schedule.next) is not None and due <= moment:
            self._look(due)

    def _look(self, now: datetime) -> None:
        assert self._clock is not None
        assert self._loop is not None
        self._clock.advance_to(now)
        if self._schedule.expiry_due(now):
            # First, so that whoever's time is over does not look restricted to what is decided next.
            self._loop.lift()
            self._pending = True
        report = self._loop.tick()
        self._schedule.looked(now)
        if report.decided or self._pending:
            self._loop.dispatch()
            self._look_ahead()
        for error in report.errors:
            self.errors[error.split("\n", 1)[0]] += 1
        if self._cleaned is None or now - self._cleaned >= CLEAN_EVERY:
            clean(self._loop)
            self._cleaned = now
        self._progress(now)

    def _look_ahead(self) -> None:
        """What is due by itself later: deliveries that wait, and the end of effects in force."""
        soonest = select(func.min(actions.c.expires_at)).where(
            actions.c.effect.in_([kind.value for kind in EffectKind if kind.restricts]),
            actions.c.state.in_([state.value for state in ON_DUTY]),
            actions.c.lifted_by.is_(None),
        )
        with self._record.read() as connection:
            self._pending = outbox.count_pending(connection) > 0
            ends: datetime | None = connection.execute(soonest).scalar_one()
        # What waits in the outbox is tried again at the next tick.
        self._schedule.expires(self._schedule.after(self._now) if self._pending else ends)
