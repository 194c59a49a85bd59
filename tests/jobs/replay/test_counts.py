"""Arrivals counted where they are stored are those that the warehouse tells."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta

from detectors.arrivals import read_arrivals
from ingest.origin import Origin
from ingest.outcome import Accepted
from ingest.writer import EventWriter
from jobs.replay.counts import ArrivalCounts
from vigil.event import InferenceEvent
from vigil.warehouse import Warehouse

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def item(at: datetime, text: str | None) -> Accepted:
    event = InferenceEvent(
        event_id=uuid.uuid4(), event_time=at, tenant_id="acme", source="s", account_id="a", input=text
    )
    return Accepted(event, Origin(file="f", line=1), at, b"{}")


def test_they_agree_at_every_moment(warehouse: Warehouse) -> None:
    rng = random.Random(3)
    counts, writer = ArrivalCounts(), EventWriter(warehouse)
    for batch in range(3):
        times = [NOON + timedelta(seconds=rng.uniform(3_600 * batch, 3_600 * batch + 5_000)) for _ in range(200)]
        items = [item(at, rng.choice([None, "hello there"])) for at in times]
        writer.write(items, [], token=f"t{batch}")
        counts.add(items)
        for minutes in (30.0, 59.5, 61.0, 75.25):
            now = NOON + timedelta(hours=batch, minutes=minutes)
            assert counts.before(now) == read_arrivals(warehouse, now)
