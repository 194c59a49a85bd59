"""From bytes to events: what is accepted, what is refused and why, and that nothing makes the pipeline raise."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.attributes import MAX_KEYS, MAX_VALUE_CHARS
from ingest.dialects.base import WireEvent
from ingest.outcome import Accepted, DeadLetter
from ingest.payload import depth
from tests.ingest.events import NOW, ORIGIN, accepted, event, pipeline, raw, refused
from vigil.errors import ConfigError
from vigil.event import CONTENT_FIELDS, METADATA_FIELDS, REDACTED_METADATA_FIELDS, InferenceEvent, Message, Status
from vigil.ids import event_uuid


def test_a_complete_event_keeps_what_was_sent() -> None:
    got = accepted(raw(cost_usd=0.5, refused=False, tool_names=["search"], temperature=1)).event
    assert (got.account_id, got.org_id, got.source, got.tenant_id) == ("acct-1", "org-1", "gateway-1", "default")
    assert (got.input_tokens, got.output_tokens, got.cost_usd, got.refused) == (12, 3, 0.5, False)
    assert (got.status, got.finish_reasons, got.tool_names) == (Status.OK, ("stop",), ("search",))
    assert got.event_time == datetime(2026, 11, 1, 11, 59, tzinfo=UTC)
    assert got.input == (Message("system", "Be brief."), Message("user", "What is the tide table today?"))
    assert got.last_user_text() == "What is the tide table today?"


def test_every_key_of_the_contract_can_be_sent_and_every_field_is_content_or_metadata() -> None:
    """A new field must be declared, or it would be stored without anybody having thought about redaction."""
    declared = CONTENT_FIELDS | REDACTED_METADATA_FIELDS | METADATA_FIELDS
    assert declared == set(InferenceEvent.__struct_fields__)
    assert not CONTENT_FIELDS & REDACTED_METADATA_FIELDS
    derived = {"client_prefix_hash", "client_address_hash", "agent_family", "language", "script"}
    assert set(WireEvent.__struct_fields__) == declared - derived | {"client_ip"}


@pytest.mark.parametrize(
    "moment",
    ["2026-11-01T11:00:00Z", "2026-11-01T12:00:00+01:00", 1793530800, 1793530800.0, 1793530800000, 1793530800000000, 1793530800000000000],
)  # fmt: skip
def test_times_are_told_apart_by_form_and_size(moment: object) -> None:
    assert accepted(raw(event_time=moment)).event.event_time == NOW - timedelta(hours=1)


def test_null_is_missing_in_every_optional_field() -> None:
    nothing = {field: None for field in WireEvent.__struct_fields__ if field not in ("event_time", "account_id")}
    got = accepted(json.dumps({**nothing, "event_time": 1793530800, "account_id": "a"}).encode()).event
    assert got.input_tokens is None
    assert got.source == "vigil.events"
    assert got.attributes == {}


@pytest.mark.parametrize(
    ("payload", "error_class", "words"),
    [
        (b"", "empty", "empty"),
        (b"{", "malformed_json", "not valid JSON"),
        (b'{"account_id": NaN}', "malformed_json", "not valid JSON"),
        (raw() + b" x", "malformed_json", "not valid JSON"),
        (b"[]", "wrong_type", "must be an object"),
        (b'{"account_id": "\xff"}', "invalid_utf8", "byte 16"),
        (b'{"account_id": "\\ud800"}', "malformed_json", "not valid JSON"),
        (raw(account_id=...), "missing_field", "`account_id` is missing"),
        (raw(account_id=""), "missing_field", "`account_id` is empty"),
        (raw(event_time=...), "missing_field", "`event_time` is missing"),
        (raw(event_time="yesterday"), "wrong_value", "RFC 3339"),
        (raw(event_time="2026-11-01T11:00:00"), "wrong_value", "no offset"),
        (raw(event_time=True), "wrong_type", "`event_time`"),
        (raw(event_time=0), "time_out_of_range", "1970-01-01"),
        (raw(event_time=10**30), "out_of_range", "`event_time`"),
        (raw(event_time=(NOW + timedelta(hours=2)).isoformat()), "time_out_of_range", "clock"),
        (raw(event_time=(NOW - timedelta(days=31)).isoformat()), "time_out_of_range", "max_age_days"),
        (raw(event_time="0001-01-01T00:00:00+14:00"), "time_out_of_range", "1900"),
        (raw(event_id="7"), "wrong_value", "`event_id` must be a UUID"),
        (raw(input_tokens="many"), "wrong_type", "`input_tokens` must be an integer or null, not a string"),
        (raw(input_tokens=-1), "out_of_range", "`input_tokens`"),
        (raw(output_tokens=1.5), "wrong_type", "`output_tokens`"),
        (raw(cost_usd=-0.1), "out_of_range", "`cost_usd`"),
        (raw(status="fine"), "wrong_value", "`status` must be one of ok, error"),
        (raw(refused="no"), "wrong_type", "true or false"),
        (raw(finish_reasons="stop"), "wrong_type", "`finish_reasons` must be an array"),
        (raw(guardrail=[]), "wrong_type", "`guardrail` must be an object"),
        (raw(input=7), "wrong_type", "`input`"),
        (raw(input=[{"content": "x"}]), "missing_field", "no `role`"),
        (raw(account_id="a" * 1025), "out_of_range", "1024"),
        (raw(account_created_at="1066-10-14T00:00:00Z"), "time_out_of_range", "`account_created_at`"),
        (raw(extra=json.loads("[" * 64 + "]" * 64)), "too_deep", "64"),
        (raw(output="x" * (4 * 2**20)), "too_large", "max_event_bytes"),
    ],
)  # fmt: skip
def test_what_cannot_be_accepted_is_refused_in_words(payload: bytes, error_class: str, words: str) -> None:
    letter = refused(payload)
    assert letter.error_class == error_class
    assert words in letter.reason
    assert letter.raw == payload


def test_a_reason_never_quotes_the_content() -> None:
    secret = "correct-horse-battery-staple"
    for field in WireEvent.__struct_fields__:
        for value in (secret, {secret: secret}, [secret], 10**40):
            for outcome in pipeline().accept(raw(**{field: value}), ORIGIN):
                assert isinstance(outcome, Accepted) or secret not in outcome.reason


def test_unknown_keys_are_kept_as_attributes() -> None:
    got = accepted(
        raw(team="red", retries=2, flags=["a", 1], nothing=None, attributes={"team": "blue", "n": 1.5})
    ).event
    assert got.attributes == {"team": "blue", "n": "1.5", "event.team": "red", "retries": "2", "flags": '["a", 1]'}


def test_attributes_are_capped_and_what_was_cut_is_said() -> None:
    many = {f"key{number}": "v" for number in range(MAX_KEYS + 5)}
    got = accepted(raw(attributes={"long": "x" * 5000, "k" * 129: "v", "vigil.cut": "faked", **many})).event.attributes
    assert got["vigil.dropped_attributes"] == "8"
    assert got["vigil.cut"] == "attributes"
    assert len(got["long"]) == MAX_VALUE_CHARS
    assert len(got) == MAX_KEYS + 2


def test_long_names_are_cut_and_what_was_cut_is_said() -> None:
    got = accepted(raw(error_type="e" * 300, tool_names=["t"] * 100, user_agent="u" * 2000)).event
    assert (len(got.error_type or ""), len(got.tool_names), len(got.user_agent or "")) == (256, 64, 1024)
    assert got.attributes["vigil.cut"] == "user_agent,error_type,tool_names"


def test_the_tenant_is_the_payloads_only_where_that_is_trusted() -> None:
    payload = raw(tenant_id="acme")
    assert accepted(payload, trust_tenant=True).event.tenant_id == "acme"
    distrusted = accepted(payload).event
    assert distrusted.tenant_id == "default"
    assert distrusted.attributes == {"vigil.ignored_tenant_id": "acme"}
    assert accepted(raw(), default_tenant="home").event.tenant_id == "home"


def test_the_source_is_the_payloads_else_the_settings_else_the_topic() -> None:
    assert accepted(raw()).event.source == "gateway-1"
    assert accepted(raw(source=...), default_source="edge").event.source == "edge"
    assert accepted(raw(source=...)).event.source == "vigil.events"


def test_an_event_without_an_id_gets_the_same_one_whenever_it_comes() -> None:
    def identity(**fields: Any) -> uuid.UUID:
        return accepted(raw(event_id=..., **fields)).event.event_id

    assert (
        identity(response_id="r")
        == identity(response_id="r", output="another text")
        == event_uuid("default", "gateway-1", "response", "r")
    )
    assert identity(trace_id="t", span_id="s") == identity(trace_id="t", span_id="s", output="another text")
    assert identity(trace_id="t") == identity(trace_id="t") != identity(trace_id="t", output="another text")
    different = {
        identity(response_id="r"),
        identity(response_id="r", source="other"),
        identity(trace_id="r", span_id=""),
        identity(),
    }
    assert len(different) == 4


def test_addresses_are_hashed_with_their_neighbourhood() -> None:
    def hashes(address: str) -> tuple[str | None, str | None]:
        got = accepted(raw(client_ip=address)).event
        assert "vigil.unreadable" not in got.attributes
        return got.client_prefix_hash, got.client_address_hash

    one, neighbour, stranger = hashes("192.0.2.17"), hashes("192.0.2.99"), hashes("198.51.100.1")
    assert one[0] == neighbour[0] != stranger[0]
    assert one[1] != neighbour[1]
    assert hashes("::ffff:192.0.2.17") == one
    assert hashes("2001:db8:1:2::1")[0] == hashes("2001:db8:1:ffff::2")[0] != hashes("2001:db8:2::1")[0]


def test_an_address_or_country_that_is_none_is_noted_and_costs_nothing_else() -> None:
    got = accepted(raw(client_ip="not an address", client_country="Netherlands")).event
    assert (got.client_prefix_hash, got.client_address_hash, got.client_country) == (None, None, None)
    assert got.attributes["vigil.unreadable"] == "client_ip,client_country"
    assert accepted(raw(client_country="nl")).event.client_country == "NL"


def test_free_text_is_redacted_wherever_it_stands() -> None:
    address = "ann@example.com"
    got = accepted(
        raw(
            system=f"You serve {address}.",
            input=[{"role": "user", "content": None}, {"role": "user", "content": f"I am {address}"}],
            output=f"Hello {address}",
            user_agent=f"mail/{address}",
            error_type=f"bounce {address}",
            finish_reasons=[address],
            tool_names=["mail", address],
            attributes={"contact": address, "nested": {"to": address}},
            unknown=address,
        )
    ).event
    assert address not in repr(got)
    assert got.input == (Message("user", None), Message("user", "I am <email>"))
    assert (got.system, got.output, got.tool_names) == ("You serve <email>.", "Hello <email>", ("mail", "<email>"))
    assert got.attributes == {"contact": "<email>", "nested": '{"to":"<email>"}', "unknown": "<email>"}


def test_a_secret_is_gone_before_a_value_is_cut() -> None:
    got = accepted(raw(attributes={"log": "x" * 1015 + " AKIAIOSFODNN7EXAMPLE"})).event
    assert "AKIA" not in got.attributes["log"]


def test_the_moment_given_decides_and_is_the_time_of_receipt() -> None:
    later = NOW + timedelta(days=40)
    (outcome,) = pipeline().accept(raw(), ORIGIN, now=later)
    assert isinstance(outcome, DeadLetter)
    assert outcome.at == later
    (outcome,) = pipeline(now=later).accept(raw(), ORIGIN, now=NOW)
    assert isinstance(outcome, Accepted)
    assert outcome.received_at == NOW


def test_an_unknown_dialect_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="canonical"):
        pipeline().accept(raw(), ORIGIN, "smoke-signals")


@pytest.mark.parametrize(
    ("text", "expected"), [(b"{}", 1), (b'"[[["', 0), (b'{"a\\"[[": [{}]}', 3), (b"\\", 0), (b"]]]]", 0)]
)
def test_the_depth_is_that_of_the_structure_only(text: bytes, expected: int) -> None:
    assert depth(text) == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
fields = st.dictionaries(st.sampled_from(WireEvent.__struct_fields__) | st.text(max_size=8), json_values, max_size=6)
mutations = st.tuples(st.integers(0, 400), st.integers(0, 20), st.binary(max_size=6))
pieces = st.lists(st.sampled_from([b"[", b"{", b'"', b"\\", b'{"input":', b"\x00", b"4111111111111111", b"@", b"+1", b"-----BEGIN PRIVATE KEY-----"]))  # fmt: skip


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Bytes that are nearly events, and bytes that are nothing of the kind."""
    kind = draw(st.sampled_from(["fields", "mutated", "pieces", "bytes"]))
    if kind == "bytes":
        return draw(st.binary(max_size=200))
    if kind == "pieces":
        return b"".join(draw(pieces)) * draw(st.integers(1, 300))
    whole = json.dumps({**event(), **draw(fields)}).encode()
    if kind == "fields":
        return whole
    start, length, inserted = draw(mutations)
    return whole[:start] + inserted + whole[start + length :]


FUZZED = pipeline()


@settings(max_examples=600, deadline=None)
@given(payload=payloads())
def test_no_input_makes_the_pipeline_raise_and_each_is_one_outcome(payload: bytes) -> None:
    (outcome,) = FUZZED.accept(payload, ORIGIN)
    if isinstance(outcome, DeadLetter):
        assert outcome.raw == payload
        assert outcome.reason
    else:
        assert outcome.event.account_id


HOSTILE = {
    "one enormous word": b"a" * 4_000_000,
    "zeros": b"0" * 4_000_000,
    "cards": b"4111 1111 1111 1111 " * 200_000,
    "almost cards": b"4111 1111 1111 1112 " * 200_000,
    "telephones": b"+44 20 7946 0958 " * 235_000,
    "addresses": b"a@b.co " * 590_000,
    "at signs": b"a@" * 2_000_000,
    "bank accounts": b"DE89 3704 0044 0532 0130 00 " * 145_000,
    "beginnings of keys": b"-----BEGIN PRIVATE KEY-----" * 150_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_within_the_limit_buys_much_time(name: str) -> None:
    payload = b'{"event_time": 1793530800, "account_id": "a", "output": "' + HOSTILE[name] + b'"}'
    made = pipeline()
    made.accept(raw(), ORIGIN)
    started = time.process_time()
    (outcome,) = made.accept(payload, ORIGIN)
    assert isinstance(outcome, Accepted)
    assert time.process_time() - started < 0.25


@pytest.mark.parametrize(
    "payload",
    [b"[" * 4_000_000, b"[]," * 1_300_000, b'{"a":' * 800_000, b'"' * 4_000_000, b"\\" * 4_000_000, b'{"a":' + b"1" * 4_000_000,
     b'{"event_time":1793530800,"account_id":"a","input":[' + b'{"role":"u","content":"a"},' * 150_000 + b'{"role":"u"}]}'],
)  # fmt: skip
def test_no_structure_within_the_limit_buys_much_time(payload: bytes) -> None:
    started = time.process_time()
    pipeline().accept(payload, ORIGIN)
    assert time.process_time() - started < 0.25
