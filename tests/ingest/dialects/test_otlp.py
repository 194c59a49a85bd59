"""OTLP: both forms say the same, what is not a call is left out, one bad span costs no other."""

from __future__ import annotations

import json

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from ingest.dialects import get_dialect
from ingest.origin import Origin
from ingest.outcome import Accepted, DeadLetter
from tests.ingest.dialects.payloads import as_json, log, read, recorded, span, together
from tests.ingest.events import pipeline
from vigil.errors import BadEvent
from vigil.event import Message, Status

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
ORIGIN = Origin(kafka_topic="otlp_spans", kafka_partition=0, kafka_offset=3, source="otlp_spans")


@pytest.mark.parametrize(
    "name", ["openai_v2_traces", "openai_v2_latest_traces", "traceloop_traces", "openinference_traces"]
)
def test_json_and_protobuf_of_the_same_traces_give_the_same_events(name: str) -> None:
    raw = recorded(f"{name}.bin")
    assert read("otlp", as_json(raw, TracesData)) == read("otlp", raw)


@pytest.mark.parametrize("name", ["openai_v2_logs", "openai_v2_events_logs"])
def test_json_and_protobuf_of_the_same_logs_give_the_same_events(name: str) -> None:
    raw = recorded(f"{name}.bin")
    assert read("otlp_logs", as_json(raw, LogsData)) == read("otlp_logs", raw)


@pytest.mark.parametrize("form", ["bin", "json"])
@pytest.mark.parametrize(
    ("signal", "dialect", "sent"), [("traces", "otlp", "openinference_traces"), ("logs", "otlp_logs", "openai_v2_logs")]
)
def test_what_a_collector_wrote_to_kafka_is_what_it_was_sent(form: str, signal: str, dialect: str, sent: str) -> None:
    """Recorded from the kafka exporter of collector 0.155, with the encodings otlp_proto and otlp_json."""
    assert read(dialect, recorded(f"collector_{signal}.{form}")) == read(dialect, recorded(f"{sent}.bin"))


@pytest.mark.parametrize(("dialect", "name"), [("otlp", "openinference_traces"), ("otlp_logs", "openai_v2_logs")])
@pytest.mark.parametrize("form", ["protobuf", "json"])
def test_the_parts_of_a_payload_are_its_events_one_by_one(dialect: str, name: str, form: str) -> None:
    raw = recorded(f"{name}.bin")
    if form == "json":
        raw = as_json(raw, TracesData if dialect == "otlp" else LogsData)
    whole = read(dialect, raw)
    parts = get_dialect(dialect).parts(raw)
    assert len(parts) == len(whole)
    assert [read(dialect, part) for part in parts] == [[event] for event in whole]


def test_spans_of_other_work_are_left_out() -> None:
    http = span({"http.request.method": "GET"}, number=2)
    agent = span({"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"}, number=3)
    chain = span({"openinference.span.kind": "CHAIN"}, number=4)
    (only,) = read("otlp", together(http, span(CHAT), agent, chain))
    assert only.span_id == "01" * 8


@pytest.mark.parametrize(
    ("dialect", "raw"),
    [("otlp", span({"http.request.method": "GET"}).SerializeToString()), ("otlp_logs", log("app.started", "up").SerializeToString())],
)  # fmt: skip
def test_a_payload_without_a_call_is_one_dead_letter_that_speaks_against_nobody(dialect: str, raw: bytes) -> None:
    (letter,) = pipeline().accept(raw, ORIGIN, dialect)
    assert isinstance(letter, DeadLetter)
    assert (letter.error_class, letter.is_bad, letter.raw) == ("no_inference", False, raw)
    assert "filter" in letter.reason


def test_one_bad_span_costs_no_other_and_its_letter_holds_it_alone() -> None:
    bad = span({**CHAT, "gen_ai.usage.input_tokens": 2**40}, number=2)
    raw = together(span(CHAT, number=1), bad, span(CHAT, number=3))
    first, letter, third = pipeline().accept(raw, ORIGIN, "otlp")
    assert isinstance(first, Accepted)
    assert isinstance(third, Accepted)
    assert isinstance(letter, DeadLetter)
    assert (first.origin.index, letter.origin.index, third.origin.index) == (0, 1, 2)
    assert str(letter.origin) == "otlp_spans[0]@3#1"
    assert (letter.error_class, letter.is_bad) == ("out_of_range", True)
    assert letter.raw == bad.SerializeToString()
    assert third.own_payload() == span(CHAT, number=3).SerializeToString()
    (again,) = pipeline().accept(letter.raw, letter.origin, "otlp")
    assert isinstance(again, DeadLetter)
    assert again.dead_letter_id == letter.dead_letter_id


@pytest.mark.parametrize(
    ("dialect", "raw", "error_class"),
    [
        ("otlp", b"\x00\x01", "malformed_protobuf"),
        ("otlp", b'{"resourceSpans": [', "malformed_json"),
        ("otlp", b'{"spans": []}', "missing_field"),
        ("otlp", b'{"resourceLogs": []}', "wrong_signal"),
        ("otlp_logs", b'{"resourceSpans": []}', "wrong_signal"),
        ("otlp", b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 7}]}]}]}', "wrong_type"),
        ("otlp", b"\x0a\x00", "no_inference"),
    ],
)
def test_what_is_no_otlp_is_refused_in_words(dialect: str, raw: bytes, error_class: str) -> None:
    (letter,) = pipeline().accept(raw, ORIGIN, dialect)
    assert isinstance(letter, DeadLetter)
    assert letter.error_class == error_class
    assert len(letter.reason) > 20


def test_a_payload_with_too_many_spans_is_refused_before_they_are_read() -> None:
    data = TracesData()
    scope = data.resource_spans.add().scope_spans.add()
    scope.spans.extend([type(scope.spans.add())()] * 20_001)
    with pytest.raises(BadEvent, match="smaller batches"):
        get_dialect("otlp").decode(data.SerializeToString())


def test_the_first_generation_is_read_from_attributes_and_from_the_spans_events() -> None:
    old = {
        "gen_ai.system": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.usage.prompt_tokens": 9,
        "gen_ai.usage.completion_tokens": 3,
    }
    said = {
        "gen_ai.content.prompt": {"gen_ai.prompt": json.dumps([{"role": "user", "content": "Hi"}])},
        "gen_ai.content.completion": {"gen_ai.completion": json.dumps([{"role": "assistant", "content": "Ho"}])},
    }
    (event,) = read("otlp", together(span(old, events=said)))
    assert (event.input_tokens, event.output_tokens) == (9, 3)
    assert (event.input, event.output) == ((Message("user", "Hi"),), "Ho")


def test_the_second_generation_is_read_from_events_of_the_span_too() -> None:
    said = {
        "gen_ai.user.message": {"gen_ai.event.content": json.dumps({"content": "Hi"})},
        "gen_ai.tool.message": {"content": "result", "id": "call_1"},
        "gen_ai.choice": {"gen_ai.event.content": json.dumps({"finish_reason": "stop", "message": {"content": "Ho"}})},
    }
    (event,) = read("otlp", together(span(CHAT, events=said)))
    assert event.input == (Message("user", "Hi"), Message("tool", "result"))
    assert (event.output, event.finish_reasons) == ("Ho", ("stop",))


def test_older_traceloop_messages_come_as_one_attribute_a_leaf() -> None:
    attributes = {
        "llm.request.type": "chat",
        "gen_ai.system": "Anthropic",
        "gen_ai.request.model": "m",
        "gen_ai.prompt.0.role": "system",
        "gen_ai.prompt.0.content": "Be brief.",
        "gen_ai.prompt.1.role": "user",
        "gen_ai.prompt.1.content": json.dumps([{"type": "text", "text": "Hi"}]),
        "gen_ai.completion.0.content": "Ho",
        "gen_ai.completion.0.finish_reason": "stop",
        "gen_ai.completion.0.tool_calls.0.name": "search",
        "traceloop.association.properties.user_id": "u-1",
        "traceloop.association.properties.account_id": "a-1",
    }
    (event,) = read("otlp", together(span(attributes)))
    assert event.input == (Message("system", "Be brief."), Message("user", "Hi"))
    assert (event.output, event.finish_reasons, event.tool_names) == ("Ho", ("stop",), ("search",))
    assert (event.operation, event.account_id, event.end_user_id) == ("chat", "a-1", "u-1")
    assert event.attributes == {}


def test_tokens_include_cached_ones_whatever_the_provider_counts() -> None:
    cached = {**CHAT, "gen_ai.usage.input_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 900, "gen_ai.usage.cache_creation.input_tokens": 40}  # fmt: skip
    (event,) = read("otlp", together(span(cached)))
    assert (event.input_tokens, event.cache_read_tokens) == (950, 900)
    (event,) = read("otlp", together(span({**cached, "gen_ai.usage.input_tokens": 1_000})))
    assert event.input_tokens == 1_000


def test_principals_are_found_on_five_levels() -> None:
    attributes = {
        **CHAT,
        "org_id": "o",
        "account.id": "a",
        "api_key_hash": "k",
        "user.id": "u",
        "gen_ai.conversation.id": "s",
        "client.address": "192.0.2.1",
        "user_agent.original": "sdk/1",
    }
    (event,) = read("otlp", together(span(attributes)))
    assert (event.org_id, event.account_id, event.api_key_hash, event.end_user_id, event.session_id) == ("o", "a", "k", "u", "s")  # fmt: skip
    assert (event.client_ip, event.user_agent) == ("192.0.2.1", "sdk/1")


def test_without_an_account_the_user_is_it_and_without_a_user_the_service() -> None:
    assert read("otlp", together(span({**CHAT, "enduser.id": "u"})))[0].account_id == "u"
    assert read("otlp", together(span(CHAT)))[0].account_id == "shop"
    assert read("otlp", together(span(CHAT, resource={"account_id": "from-resource"})))[0].account_id == "from-resource"
    (letter,) = pipeline().accept(together(span(CHAT, resource={})), ORIGIN, "otlp")
    assert isinstance(letter, DeadLetter)
    assert letter.error_class == "missing_field"


@pytest.mark.parametrize(
    ("error", "status"),
    [("RateLimitError", Status.RATE_LIMITED), ("429", Status.RATE_LIMITED), ("CancelledError", Status.CANCELLED), ("timeout", Status.ERROR)],
)  # fmt: skip
def test_how_a_call_failed_is_its_status(error: str, status: Status) -> None:
    (event,) = read("otlp", together(span({**CHAT, "error.type": error}, failed=True)))
    assert (event.status, event.error_type) == (status, error)


def test_a_tools_result_is_untrusted_content() -> None:
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "fetch",
        "gen_ai.tool.call.result": "page text",
    }
    (event,) = read("otlp", together(span(tool)))
    assert (event.operation, event.tool_names, event.input) == ("execute_tool", ("fetch",), (Message("tool", "page text"),))  # fmt: skip


def test_an_attribute_of_the_wrong_type_leaves_the_field_unknown_and_stays_visible() -> None:
    (event,) = read("otlp", together(span({**CHAT, "gen_ai.usage.input_tokens": "many"})))
    assert event.input_tokens is None
    assert event.attributes == {"gen_ai.usage.input_tokens": "many"}


def test_an_access_log_record_of_a_call_is_an_event() -> None:
    line = {"gen_ai.request.model": "m", "response_code": "429", "duration": "12", "start_time": "2026-11-01T11:00:00Z", "account_id": "a"}  # fmt: skip
    (event,) = read("otlp_logs", together(log("", "access", line)))
    assert (event.status, event.duration_ms, event.account_id) == (Status.RATE_LIMITED, 12, "a")
