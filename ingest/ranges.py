"""The range ledger: which records of a partition are stored, and which are about to be.

The state of a partition is what is committed to Kafka for it, an offset and a little metadata, and nothing else:

    next = 120, no plan                everything before 120 is stored
    next = 120, plan to 150 at 12:00   the records [120, 150) are being stored, judged as of 12:00

Protocol. Before a batch is inserted its plan is committed; a process that lost the partition is refused by the group
and so never inserts. Whoever recovers a partition with a plan rebuilds exactly that range, judges it as of the planned
moment and inserts it under the same token, which ClickHouse ignores where it has it already. Then the next plan (or,
when nothing follows, the bare offset) is committed: in steady state one commit a batch. Since ranges are contiguous,
every record is in exactly one range; since a range is inserted under one token, it is stored exactly once.

`tests/ingest/test_ranges.py` crashes, pauses and fences processes before and after every step.
"""

from __future__ import annotations

import json
from datetime import datetime

import msgspec

from vigil.errors import IntegrityError
from vigil.ids import NextOffset

MAX_METADATA_BYTES = 4_096
"""Kafka's default limit of commit metadata (`offset.metadata.max.bytes`)."""

_VERSION = 1
_CUT = "~"


class Position(msgspec.Struct, frozen=True):
    """What stands in Kafka for one partition of the group: a committed offset and its metadata."""

    offset: NextOffset
    metadata: str = ""


class Plan(msgspec.Struct, frozen=True):
    """A range that is about to be stored starts at the ledger's `next` and ends before `hi`."""

    hi: NextOffset
    at: datetime
    """The moment as of which its records are judged and said to be received, whoever stores them in the end."""


class RangeLedger(msgspec.Struct, frozen=True):
    """The state of one partition; every step returns the next state.

    `epoch` is the id of the topic: when a topic is deleted and created again its offsets restart, and neither plan nor
    token of the old one may be taken for the new one's. After records were lost by Kafka itself it has a mark of its
    own, for the same reason.
    """

    epoch: str
    partition: int
    next: NextOffset
    """Everything before this offset is stored."""
    plan: Plan | None = None

    def planned(self, hi: NextOffset, at: datetime) -> RangeLedger:
        """The state with [next, hi) planned: commit its `position` before inserting."""
        if self.plan is not None or hi <= self.next:
            raise IntegrityError(f"partition {self.partition}: cannot plan [{self.next}, {hi}) over {self.plan}")
        return msgspec.structs.replace(self, plan=Plan(hi, at))

    def stored(self) -> RangeLedger:
        """The state after the planned range has been inserted."""
        if self.plan is None:
            raise IntegrityError(f"partition {self.partition}: nothing is planned at {self.next}")
        return msgspec.structs.replace(self, next=self.plan.hi, plan=None)

    def cut(self, end: NextOffset, at: datetime) -> RangeLedger:
        """The state after Kafka lost what stood at `end` and after it: other records will stand there."""
        return RangeLedger(f"{self.topic_id}{_CUT}{at:%Y%m%dT%H%M%S.%f}", self.partition, end)

    @property
    def topic_id(self) -> str:
        """The topic's id, without such a mark."""
        return self.epoch.partition(_CUT)[0]

    @property
    def token(self) -> str:
        """The planned range's deduplication token: it names the range, not the bytes."""
        if self.plan is None:
            raise IntegrityError(f"partition {self.partition}: nothing is planned at {self.next}")
        return f"{self.epoch}:{self.partition}:{self.next}-{self.plan.hi}"

    @property
    def position(self) -> Position:
        """What to commit for this state."""
        state: dict[str, object] = {"v": _VERSION, "epoch": self.epoch}
        if self.plan is not None:
            state |= {"hi": self.plan.hi, "at": self.plan.at.isoformat()}
        return Position(self.next, json.dumps(state, separators=(",", ":")))


class _Metadata(msgspec.Struct):
    v: int
    epoch: str
    hi: int | None = None
    at: datetime | None = None


def recovered(position: Position | None, epoch: str, partition: int, first: NextOffset) -> RangeLedger:
    """The state that a committed position describes; `first` is the first offset that Kafka still has.

    Nothing committed, or committed for a topic of this name that was deleted since: from the beginning. Metadata that
    is not vigil's (somebody moved the group by hand) counts as none: the offset stands. Raises IntegrityError for
    metadata of a later version of vigil.
    """
    if position is None:
        return RangeLedger(epoch, partition, first)
    bare = RangeLedger(epoch, partition, position.offset)
    try:
        metadata = msgspec.json.decode(position.metadata, type=_Metadata)
    except msgspec.DecodeError:
        return bare
    if metadata.v != _VERSION:
        raise IntegrityError(
            f"partition {partition} was last read by a later version of vigil (ledger version {metadata.v});"
            " upgrade this process"
        )
    if metadata.epoch.partition(_CUT)[0] != epoch:
        return RangeLedger(epoch, partition, first)
    bare = msgspec.structs.replace(bare, epoch=metadata.epoch)
    if metadata.hi is None or metadata.at is None or metadata.hi <= position.offset:
        return bare
    return bare.planned(NextOffset(metadata.hi), metadata.at)
