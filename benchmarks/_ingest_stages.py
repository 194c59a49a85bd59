"""CPU of the steps of ingest, each by itself in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ingest.columns import body_columns, event_columns
from ingest.content import redacted
from ingest.dialects import get_dialect
from ingest.dialects.base import WireEvent
from ingest.origin import Origin
from ingest.outcome import Accepted
from ingest.pipeline import Pipeline
from vigil.clock import SystemClock
from vigil.settings import Settings


def cpu_by_stage(payloads: list[bytes]) -> dict[str, float]:
    """CPU microseconds an event of the steps between Kafka and the insert, each by itself in this process."""

    origin = Origin(kafka_topic="load", kafka_partition=0, kafka_offset=0, source="load")
    pipeline = Pipeline(Settings(), SystemClock(), trust_tenant=False, hash_key=b"bench")
    decode = get_dialect("canonical").decode
    costs: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        started = time.process_time()
        result = work()
        costs[stage] = round((time.process_time() - started) / len(payloads) * 1e6, 1)
        return result

    decoded = timed("decode", lambda: [decode(raw)[0] for raw in payloads])
    wires = [wire for wire in decoded if isinstance(wire, WireEvent)]
    timed("redact", lambda: [redacted(wire, {}) for wire in wires])
    outcomes = timed("accept", lambda: [pipeline.accept(raw, origin) for raw in payloads])
    accepted = [item for (item,) in outcomes if isinstance(item, Accepted)]
    timed("columns", lambda: (event_columns(accepted), body_columns(accepted)))
    return costs
