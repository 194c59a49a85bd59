"""Records of one partition waiting to be stored, and where the next batch ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from vigil.ids import NextOffset
from vigil.settings import IngestSettings


class Record(Protocol):
    """One record of a partition, as kafka-python gives it."""

    @property
    def offset(self) -> int: ...

    @property
    def value(self) -> bytes | None: ...


class Limits(msgspec.Struct, frozen=True):
    """When a batch is complete: whichever is reached first."""

    rows: int
    size_bytes: int
    age_s: float

    @classmethod
    def of(cls, settings: IngestSettings) -> Limits:
        """The configured limits."""
        return cls(settings.batch_rows, settings.batch_bytes, settings.batch_age_s)


class Buffer:
    """Records in the order of their offsets, cut into batches from the front."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._records: list[Record] = []
        self._bytes = 0
        self._since_s: float | None = None

    def __len__(self) -> int:
        return len(self._records)

    def add(self, records: Sequence[Record], now_s: float) -> None:
        """Append records that follow those already there; `now_s` is a monotonic time in seconds."""
        if not records:
            return
        if self._since_s is None:
            self._since_s = now_s
        self._records += records
        self._bytes += sum(_size(record) for record in records)

    def is_due(self, now_s: float) -> bool:
        """Whether a batch is complete by rows, bytes or age."""
        return self._since_s is not None and (
            len(self._records) >= self._limits.rows
            or self._bytes >= self._limits.size_bytes
            or now_s - self._since_s >= self._limits.age_s
        )

    def due_in_s(self, now_s: float) -> float | None:
        """Seconds until the waiting records are a batch by their age; None when none wait."""
        return None if self._since_s is None else max(0.0, self._since_s + self._limits.age_s - now_s)

    def end_of_batch(self) -> NextOffset:
        """Where a batch of everything that fits into the limits ends: after its last record. Needs a record."""
        size = 0
        last = self._records[0]
        for record in self._records[: self._limits.rows]:
            size += _size(record)
            if size > self._limits.size_bytes and record is not self._records[0]:
                break
            last = record
        return NextOffset(last.offset + 1)

    def reaches(self, hi: NextOffset) -> bool:
        """Whether every record before `hi` that there is has been added."""
        return bool(self._records) and self._records[-1].offset >= hi - 1

    def before(self, hi: NextOffset) -> list[Record]:
        """The records before `hi`."""
        return self._records[: self._count_before(hi)]

    def drop_before(self, hi: NextOffset, now_s: float) -> None:
        """Forget the records before `hi`; the age of the others starts now."""
        self._records = self._records[self._count_before(hi) :]
        self._bytes = sum(_size(record) for record in self._records)
        self._since_s = now_s if self._records else None

    def _count_before(self, hi: NextOffset) -> int:
        if not self._records or self._records[-1].offset < hi:
            return len(self._records)
        return next(index for index, record in enumerate(self._records) if record.offset >= hi)


def _size(record: Record) -> int:
    return len(record.value or b"")
