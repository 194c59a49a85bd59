"""What becomes of one raw payload: accepted events and dead letters, nothing else and nothing silent."""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec

from ingest.dialects.registry import get_dialect
from ingest.origin import Origin
from vigil.event import InferenceEvent
from vigil.ids import event_uuid


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """An event that passed every check, redacted and normalised, ready to be written."""

    event: InferenceEvent
    origin: Origin
    received_at: datetime
    """UTC; the same when a range of records is processed again."""
    raw: bytes
    """The payload, kept until the event is written: should ClickHouse refuse the row, it becomes a dead letter."""
    dialect: str = "canonical"

    def own_payload(self) -> bytes:
        """The payload of this event alone, where `raw` holds several."""
        parts = get_dialect(self.dialect).parts(self.raw)
        return self.raw if len(parts) == 1 else parts[self.origin.index]


NOT_BAD = frozenset({"no_inference"})
"""Error classes that say nothing against the producer: spans of other work on the same topic."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A payload (or one event of it) that could not be accepted, with all that is needed to mend and requeue it."""

    raw: bytes
    origin: Origin
    at: datetime
    error_class: str
    reason: str
    """A sentence a person can act on; never contains the content itself."""
    dialect: str = "canonical"

    @property
    def is_bad(self) -> bool:
        """Whether it counts towards stopping a partition whose producer seems broken."""
        return self.error_class not in NOT_BAD

    @property
    def dead_letter_id(self) -> uuid.UUID:
        """The same whenever the same payload of the same place fails again."""
        return event_uuid("dead_letter", str(self.origin), self.error_class, self.at.isoformat())


Outcome = Accepted | DeadLetter
