"""What real instrumentations sent for the same six calls: a question, a refusal, tools, a stream, an embedding, a failure.

Recorded from opentelemetry-instrumentation-openai-v2 2.4b0 (conventions 1.30, and 1.37 on spans and in events),
opentelemetry-instrumentation-openai 0.62.4 (Traceloop) and openinference-instrumentation-openai 0.1.66 against a local
server; `tests/conformance` runs them anew.
"""

from __future__ import annotations

import pytest

from ingest.dialects.base import WireEvent
from tests.ingest.dialects.payloads import read, recorded
from vigil.event import Message, Status

RICH = ("openai_v2_latest_traces", "openai_v2_events_logs", "traceloop_traces", "openinference_traces")
"""Those that carry content on the item itself."""

TRACES = ("openai_v2_traces", "openai_v2_latest_traces", "openai_v2_events_traces", "traceloop_traces", "openinference_traces")  # fmt: skip


def events(name: str) -> list[WireEvent]:
    return read("otlp" if name.endswith("traces") else "otlp_logs", recorded(f"{name}.bin"))


@pytest.mark.parametrize("name", TRACES)
def test_every_call_is_read_with_its_model_tokens_times_and_outcome(name: str) -> None:
    question, _, tools, stream, embedding, failure = events(name)
    assert (question.operation, question.provider, question.request_model) == ("chat", "openai", "gpt-4o-mini")
    assert question.response_model == "gpt-4o-mini-2024-07-18"
    assert (question.input_tokens, question.output_tokens, question.temperature) == (20, 6, 0.2)
    assert (question.status, question.finish_reasons, question.source) == (Status.OK, ("stop",), "shop")
    assert question.response_id is not None
    assert question.response_id.startswith("chatcmpl-")
    assert question.duration_ms is not None
    assert 0 < question.duration_ms < 10_000
    assert isinstance(question.event_time, int)
    assert question.environment == "prod"
    assert (len(question.trace_id or ""), len(question.span_id or "")) == (32, 16)
    assert tools.finish_reasons in (("tool_calls",), ("tool_call",))
    assert (stream.input_tokens, stream.output_tokens) == (None, None), "the stream gave no usage: unknown, not 0"
    assert (embedding.operation, embedding.input_tokens, embedding.output_tokens) == ("embeddings", 4, None)
    assert failure.status is Status.ERROR
    assert failure.error_type is not None
    assert failure.error_type.endswith("APIConnectionError")
    assert failure.input_tokens is None


@pytest.mark.parametrize("name", RICH)
def test_what_was_said_is_read_the_same_from_each_of_them(name: str) -> None:
    chats = [event for event in events(name) if event.operation == "chat"]
    question, _, tools, stream, failure = chats
    assert question.input == (Message("system", "Be brief."), Message("user", "What is the tide table today?"))
    assert question.output == "High water is at noon."
    assert isinstance(tools.input, tuple)
    assert [message.role for message in tools.input] == ["user", "assistant", "tool", "user"]
    assert tools.input[2] == Message("tool", "noon")
    assert tools.input[3] == Message("user", "And Calais?")
    assert tools.tool_names == ("get_tide",)
    assert stream.output == "High water."
    assert failure.input == (Message("user", "fails"),)


@pytest.mark.parametrize("name", ["traceloop_traces", "openinference_traces"])
def test_a_refusal_in_a_field_of_its_own_is_one_and_its_text_is_the_output(name: str) -> None:
    refusal = events(name)[1]
    assert refusal.refused is True
    assert refusal.output == "I'm sorry, I can't help with that."


@pytest.mark.parametrize("name", ["traceloop_traces", "openinference_traces"])
def test_cached_and_reasoning_tokens_users_and_the_first_token_are_read_where_they_are_sent(name: str) -> None:
    question, _, _, stream, _, _ = events(name)
    assert (question.cache_read_tokens, question.reasoning_tokens) == (5, 2)
    assert (question.end_user_id, question.account_id) == ("user-7", "user-7")
    assert stream.ttft_ms is not None
    assert stream.duration_ms is not None
    assert 0 < stream.ttft_ms <= stream.duration_ms


def test_an_event_and_its_span_are_one_call() -> None:
    """With conventions from 1.37 the event repeats the span: whoever sends both must not count twice."""
    spans = {event.response_id: event for event in events("openai_v2_events_traces") if event.response_id}
    for event in events("openai_v2_events_logs"):
        if event.response_id:
            assert spans[event.response_id].span_id == event.span_id
            assert event.event_id is None


def test_message_events_make_one_event_for_each_span() -> None:
    question, refusal, tools, stream, failure = events("openai_v2_logs")
    assert question.input == (Message("system", "Be brief."), Message("user", "What is the tide table today?"))
    assert question.output == "High water is at noon."
    assert question.finish_reasons == ("stop",)
    assert refusal.output is None
    assert isinstance(tools.input, tuple)
    assert [message.role for message in tools.input] == ["user", "assistant", "tool", "user"]
    assert tools.tool_names == ("get_tide",)
    assert stream.output == "High water."
    assert failure.output is None
    assert len({event.event_id for event in (question, refusal, tools, stream, failure)}) == 5


@pytest.mark.parametrize("name", TRACES)
def test_no_content_stays_among_the_attributes(name: str) -> None:
    for event in events(name):
        shown = repr(event.attributes)
        assert "tide" not in shown
        assert "High water" not in shown
        assert "Traceback" not in shown
