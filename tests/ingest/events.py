"""Canonical events for the tests of ingest."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.origin import Origin
from ingest.outcome import Accepted, DeadLetter
from ingest.pipeline import Pipeline
from vigil.clock import SimulatedClock
from vigil.event import InferenceEvent
from vigil.settings import Settings

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ORIGIN = Origin(kafka_topic="vigil.events", kafka_partition=0, kafka_offset=7, source="vigil.events")


def event(**fields: Any) -> dict[str, Any]:
    """A complete event with `fields` changed; a field set to `...` is left out."""
    base: dict[str, Any] = {
        "event_id": str(uuid.uuid4()),
        "event_time": "2026-11-01T11:59:00Z",
        "account_id": "acct-1",
        "org_id": "org-1",
        "source": "gateway-1",
        "request_model": "model-a",
        "input_tokens": 12,
        "output_tokens": 3,
        "status": "ok",
        "finish_reasons": ["stop"],
        "client_ip": "192.0.2.17",
        "user_agent": "client/1.0",
        "input": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is the tide table today?"},
        ],
        "output": "High water is at noon.",
    }
    base.update(fields)
    return {key: value for key, value in base.items() if value is not ...}


def raw(**fields: Any) -> bytes:
    """The same as JSON."""
    return json.dumps(event(**fields)).encode()


def pipeline(*, trust_tenant: bool = False, now: datetime = NOW, **ingest: Any) -> Pipeline:
    """A pipeline whose clock stands at `now`."""
    return Pipeline(Settings(ingest=ingest), SimulatedClock(now), trust_tenant=trust_tenant, hash_key=b"test key")


def accepted(payload: bytes, **options: Any) -> Accepted:
    """The one event of `payload`, which must be accepted."""
    (outcome,) = pipeline(**options).accept(payload, ORIGIN)
    assert isinstance(outcome, Accepted), outcome
    return outcome


def refused(payload: bytes, **options: Any) -> DeadLetter:
    """The dead letter of `payload`, which must be refused."""
    (outcome,) = pipeline(**options).accept(payload, ORIGIN)
    assert isinstance(outcome, DeadLetter), outcome
    return outcome


def days_ago(days: float) -> str:
    """An event time."""
    return (NOW - timedelta(days=days)).isoformat()


def accepted_as(dialect: str, payload: bytes, **options: Any) -> InferenceEvent:
    """The one event of a payload of another dialect."""
    (outcome,) = pipeline(**options).accept(payload, ORIGIN, dialect)
    assert isinstance(outcome, Accepted), outcome
    return outcome.event
