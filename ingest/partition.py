"""One partition in this process's care: its ledger, its waiting records, its bad events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from ingest.batch import Buffer, Limits, Record
from ingest.origin import Origin
from ingest.outcome import Accepted, DeadLetter
from ingest.pipeline import Pipeline
from ingest.ranges import RangeLedger
from ingest.source import Partition
from ingest.watch import BadEventWatch
from vigil.errors import IntegrityError, VigilError
from vigil.ids import NextOffset


class TopicRestarted(VigilError):
    """The topic was deleted and created again, or its offsets restarted with the broker."""


class Batch(msgspec.Struct, frozen=True):
    """The judged records of one planned range."""

    token: str
    rows: int
    accepted: Sequence[Accepted]
    dead: Sequence[DeadLetter]
    bad: Sequence[bool]
    """Of each outcome in order: whether it is a dead letter that speaks against its producer."""


class PartitionWorker:
    """Collects records into ranges and judges them; the caller commits and stores, in the ledger's order.

    The caller drops the worker when a commit fails or the group hands out partitions anew.
    """

    def __init__(
        self,
        partition: Partition,
        ledger: RangeLedger,
        dialect: str,
        limits: Limits,
        pipeline: Pipeline,
        watch: BadEventWatch,
    ) -> None:
        self.partition = partition
        self.ledger = ledger
        self._dialect = dialect
        self._pipeline = pipeline
        self._watch = watch
        self._buffer = Buffer(limits)
        self._expected = ledger.next
        self._stored_at_s: float | None = None

    @property
    def expected(self) -> NextOffset:
        """The offset after the last record offered."""
        return self._expected

    def offer(self, records: Sequence[Record], now_s: float) -> None:
        """Take records, in order. Raises TopicRestarted."""
        if records[0].offset < self._expected:
            raise TopicRestarted(f"{self.partition}: offset {records[0].offset} came again after {self._expected - 1}")
        self._buffer.add(records, now_s)
        self._expected = NextOffset(records[-1].offset + 1)

    def has_batch(self, now_s: float) -> bool:
        """Whether enough records wait for a new range."""
        return self._buffer.is_due(now_s)

    def is_rebuilt(self, fetched_to: NextOffset) -> bool:
        """Whether every record of the planned range that Kafka still has is here."""
        return self.ledger.plan is not None and (
            self._buffer.reaches(self.ledger.plan.hi) or fetched_to >= self.ledger.plan.hi
        )

    def due_in_s(self, now_s: float) -> float | None:
        """Seconds until the waiting records are due by their age."""
        return self._buffer.due_in_s(now_s)

    def plan(self, at: datetime) -> None:
        """Plan the next range; the ledger's position must be committed before it is stored."""
        self.ledger = self.ledger.planned(self._buffer.end_of_batch(), at)

    def batch(self) -> Batch:
        """Judge the records of the planned range."""
        plan = self.ledger.plan
        if plan is None:
            raise IntegrityError(f"{self.partition}: no range is planned")
        topic, number = self.partition
        accepted: list[Accepted] = []
        dead: list[DeadLetter] = []
        bad: list[bool] = []
        records = self._buffer.before(plan.hi)
        for record in records:
            origin = Origin(kafka_topic=topic, kafka_partition=number, kafka_offset=record.offset, source=topic)
            for outcome in self._pipeline.accept(record.value or b"", origin, self._dialect, now=plan.at):
                if isinstance(outcome, Accepted):
                    accepted.append(outcome)
                    bad.append(False)
                else:
                    dead.append(outcome)
                    bad.append(outcome.is_bad)
        return Batch(self.ledger.token, len(records), accepted, dead, bad)

    def stored(self, batch: Batch, now_s: float) -> None:
        """The batch is stored: go on after it. Raises TooManyBadEvents when its producer seems broken."""
        self.ledger = self.ledger.stored()
        self._buffer.drop_before(self.ledger.next, now_s)
        self._stored_at_s = now_s
        self._watch.observe(batch.bad)

    def needs_settling(self, now_s: float, after_s: float) -> bool:
        """Whether a range was stored, `after_s` have passed and no next plan will say so to Kafka."""
        return self._stored_at_s is not None and not len(self._buffer) and now_s - self._stored_at_s >= after_s

    def settled(self) -> None:
        """The ledger's position has been committed."""
        self._stored_at_s = None
