"""Simulated events are valid ones: the ingest pipeline accepts all of them and finds no unknown field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from ingest.origin import Origin
from ingest.outcome import Accepted
from ingest.pipeline import Pipeline
from simulator.calls import Event
from simulator.scenarios.base import all_scenarios
from simulator.traffic import simulate
from vigil.clock import SimulatedClock
from vigil.event import InferenceEvent
from vigil.settings import Settings

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
END = START + timedelta(hours=6)


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return list(
        simulate(tuple(all_scenarios()), seed=8, start=START, duration=END - START, quiet=timedelta(hours=2)).events()
    )


@pytest.fixture(scope="module")
def accepted(events: list[Event]) -> list[InferenceEvent]:
    """What ingest makes of them; fails on any dead letter."""
    pipeline = Pipeline(Settings(), SimulatedClock(END), trust_tenant=True, hash_key=b"0" * 32)
    encoder = msgspec.json.Encoder()
    found = []
    for line, event in enumerate(events):
        for outcome in pipeline.accept(encoder.encode(event), Origin(file="simulated", line=line), now=END):
            assert isinstance(outcome, Accepted), f"{outcome.error_class}: {outcome.reason}"
            found.append(outcome.event)
    return found


def test_every_event_is_accepted_and_has_no_unknown_field(events: list[Event], accepted: list[InferenceEvent]) -> None:
    assert len(accepted) == len(events)
    assert not any(event.attributes for event in accepted)


def test_nearly_every_field_of_the_contract_is_used(accepted: list[InferenceEvent]) -> None:
    used = {name for event in accepted for name in InferenceEvent.__struct_fields__ if getattr(event, name)}
    assert set(InferenceEvent.__struct_fields__) - used == {"attributes"}


def test_tokens_cost_and_latency_belong_together(events: list[Event]) -> None:
    for event in events:
        assert event["input_tokens"] >= event.get("cache_read_tokens", 0)
        assert event["duration_ms"] >= 0
        if event["status"] == "ok" and event["output_tokens"]:
            assert event["cost_usd"] > 0
            assert event["duration_ms"] >= event["ttft_ms"] - 1
        if event["status"] in ("error", "rate_limited"):
            assert event["error_type"]
            assert not event.get("output")


def test_accounts_without_content_send_none(events: list[Event]) -> None:
    without = {event["account_id"] for event in events if "input" not in event}
    assert without
    assert not any("output" in event or "system" in event for event in events if event["account_id"] in without)


def test_untrusted_content_comes_in_the_tool_role(events: list[Event]) -> None:
    roles = {message["role"] for event in events for message in event.get("input", ())}
    assert roles == {"user", "assistant", "tool"}
