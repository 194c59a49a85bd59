"""The receiver's envelope: the token's tenant, whatever the payload says, also after a second try."""

from __future__ import annotations

import json

import pytest

from ingest.dialects.received import Envelope, wrap
from ingest.outcome import Accepted, DeadLetter
from tests.ingest.dialects.payloads import read, recorded, span, together
from tests.ingest.events import ORIGIN, pipeline, raw


def test_the_tenant_is_the_envelopes_and_the_payloads_claim_stays_visible() -> None:
    value = wrap(Envelope("acme", "canonical", "edge"), raw(tenant_id="victim", source=...))
    (outcome,) = pipeline().accept(value, ORIGIN, "received")
    assert isinstance(outcome, Accepted)
    assert (outcome.event.tenant_id, outcome.event.source) == ("acme", "edge")
    assert outcome.event.attributes["claimed_tenant_id"] == "victim"


def test_the_senders_own_topic_cannot_name_a_tenant_by_an_envelope() -> None:
    (outcome,) = pipeline().accept(wrap(Envelope("acme", "canonical"), raw()), ORIGIN, "canonical")
    assert isinstance(outcome, DeadLetter)


def test_a_payload_of_many_spans_keeps_all_and_a_bad_ones_letter_keeps_the_tenant() -> None:
    call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    payload = together(span(call, number=1), span({**call, "gen_ai.usage.input_tokens": 2**50}, number=2))
    good, letter = pipeline().accept(wrap(Envelope("acme", "otlp"), payload), ORIGIN, "received")
    assert isinstance(good, Accepted)
    assert good.event.tenant_id == "acme"
    assert isinstance(letter, DeadLetter)
    assert letter.raw.startswith(b'{"tenant":"acme"')
    (again,) = pipeline().accept(letter.raw, letter.origin, letter.dialect)
    assert isinstance(again, DeadLetter)


def test_every_dialect_goes_through_unchanged() -> None:
    payload = recorded("traceloop_traces.bin")
    inside = read("received", wrap(Envelope("acme", "otlp"), payload))
    assert [event.trace_id for event in inside] == [event.trace_id for event in read("otlp", payload)]


@pytest.mark.parametrize(
    ("value", "error_class"),
    [
        (raw(), "not_received"),
        (b"\n", "not_received"),
        (b'{"tenant":"acme"}\n{}', "not_received"),
        (b'{"tenant":"acme","dialect":"canonical","admin":true}\n{}', "not_received"),
        (json.dumps({"tenant": "a" * 300, "dialect": "canonical"}).encode() + b"\n{}", "not_received"),
        (wrap(Envelope("acme", "received"), b"{}"), "not_received"),
        (wrap(Envelope("acme", "smoke"), b"{}"), "unknown_dialect"),
        (wrap(Envelope("acme", "canonical"), b""), "malformed_json"),
    ],
)
def test_what_the_receiver_did_not_write_is_refused(value: bytes, error_class: str) -> None:
    (letter,) = pipeline().accept(value, ORIGIN, "received")
    assert isinstance(letter, DeadLetter)
    assert letter.error_class == error_class
