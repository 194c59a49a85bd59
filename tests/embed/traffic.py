"""Events with text, stored as ingest stores them, and what became of their vectors."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from detectors.embed.share import Share
from detectors.embed.worker import Batch, EmbeddingWorker
from detectors.encoders import Encoder, Vectors
from detectors.encoders.base import unit
from ingest.origin import Origin
from ingest.outcome import Accepted
from ingest.writer import EventWriter
from vigil.clock import SimulatedClock
from vigil.event import InferenceEvent, Message
from vigil.warehouse import Warehouse

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def event(
    content: str | tuple[Message, ...] | None,
    *,
    at: datetime = NOON,
    tenant: str = "acme",
    event_id: uuid.UUID | None = None,
) -> InferenceEvent:
    """One call."""
    return InferenceEvent(
        event_id=event_id or uuid.uuid4(),
        event_time=at,
        tenant_id=tenant,
        source="gateway",
        account_id="a1",
        input=content,
    )


def write(warehouse: Warehouse, events: Sequence[InferenceEvent]) -> None:
    """Store events through ingest's own writer, received today: bodies expire a month after that."""
    today = datetime.now(UTC)
    accepted = [Accepted(event, Origin(), today, b"") for event in events]
    EventWriter(warehouse).write(accepted, [], token=uuid.uuid4().hex)


def worker(warehouse: Warehouse, encoder: Encoder, clock: SimulatedClock, share: str = "1/1") -> EmbeddingWorker:
    """A worker with small batches, so that every test has several."""
    return EmbeddingWorker(warehouse, encoder, clock, batch_texts=7, share=Share.parse(share))


def total(batches: Sequence[Batch]) -> Batch:
    """Several batches as one."""
    return Batch(sum(batch.embedded for batch in batches), sum(batch.without_text for batch in batches))


def vectors_of_events(warehouse: Warehouse, encoder: str) -> dict[uuid.UUID, Vectors]:
    """The vector of each event that has exactly one; raises AssertionError where an event has two."""
    rows = warehouse.query(
        """
        SELECT event_id, count(), any(arrayMap(x -> toFloat32(x), vec))
        FROM events
        JOIN embeddings ON embeddings.tenant_id = events.tenant_id
            AND toDate(embeddings.event_time) = toDate(events.event_time)
            AND embeddings.text_fingerprint = events.text_fingerprint
        WHERE encoder = {encoder:String}
        GROUP BY event_id
        """,
        {"encoder": encoder},
    )
    assert all(count == 1 for _, count, _ in rows)
    return {event_id: np.array(vector, np.float32) for event_id, _, vector in rows}


def cosines(found: Sequence[Vectors], expected: Vectors) -> Vectors:
    """Of each pair of rows: what is stored has a little more or less than length 1."""
    result: Vectors = np.einsum("nd,nd->n", unit(np.array(found, np.float32)), expected)
    return result


def stored(warehouse: Warehouse) -> int:
    """Rows in the table."""
    return int(warehouse.query("SELECT count() FROM embeddings")[0][0])
