"""From one span, or the log records of one, to the wire event: every convention in turn, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ingest.dialects.base import WireEvent
from ingest.dialects.conventions import envoy, gen_ai, openinference, principals, traceloop
from ingest.dialects.conventions.tokens import with_cached
from ingest.dialects.explain import explain
from ingest.dialects.opentelemetry.items import Item
from vigil.event import Status

CONTENT_PREFIXES = (
    "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.prompt",
    "gen_ai.completion", "gen_ai.tool.call.", "gen_ai.tool.definitions", "gen_ai.retrieval.", "gen_ai.event.content",
    "llm.input_messages", "llm.output_messages", "llm.prompts", "llm.completions", "llm.choices", "llm.tools",
    "llm.prompt_template", "llm.function_call", "llm.invocation_parameters", "llm.request.functions", "input.", "output.",
    "embedding.", "retrieval.", "reranker.", "document.", "tool.parameters", "traceloop.entity.input",
    "traceloop.entity.output", "traceloop.prompt.template", "exception.",
)  # fmt: skip
"""Text of people: read into the event's content, never kept among the attributes, which live longer and are seen by more."""

_RATE_LIMITED = ("429", "ratelimit", "rate_limit", "toomanyrequests", "too_many_requests")
_CANCELLED = ("cancel",)
_BLOCKED = ("guardrail", "blocked")


def is_call(attributes: Mapping[str, Any]) -> bool:
    """Whether a span or log record with these attributes is a call of a model or a tool."""
    for asked in (gen_ai.is_call, openinference.is_call, traceloop.is_call):
        answer = asked(attributes)
        if answer is not None:
            return answer
    return False


def call(item: Item) -> WireEvent:
    """The event of a call. Raises BadEvent for a value out of its bounds."""
    fields: dict[str, Any] = {}
    used: set[str] = set()
    attributes = item.attributes
    gen_ai.read(fields, attributes, item.events, used)
    openinference.read(fields, attributes, used)
    traceloop.read(fields, attributes, used)
    if envoy.CODE in attributes:
        envoy.read(fields, attributes, used)
    principals.read(fields, attributes, item.resource, used)
    _times(fields, item)
    _outcome(fields, item)
    creation = fields.pop(gen_ai.CACHE_CREATION, None)
    fields["input_tokens"] = with_cached(fields.get("input_tokens"), fields.get("cache_read_tokens"), creation)
    if item.trace_id:
        fields["trace_id"] = item.trace_id
    if item.span_id:
        fields["span_id"] = item.span_id
    fields["attributes"] = {
        key: value
        for key, value in attributes.items()
        if key not in used and not key.startswith(CONTENT_PREFIXES) and value is not None
    }
    return wire_event(fields)


def wire_event(fields: Mapping[str, Any]) -> WireEvent:
    """The fields as an event, within the same bounds as a canonical one. Raises BadEvent."""
    try:
        return msgspec.convert(fields, WireEvent)
    except msgspec.ValidationError as error:
        raise explain(error) from None


def status_of_error(error_type: str) -> Status:
    """How a call ended that failed for this reason.

    >>> status_of_error("openai.RateLimitError").value, status_of_error("timeout").value
    ('rate_limited', 'error')
    """
    kind = error_type.lower()
    for words, status in (
        (_RATE_LIMITED, Status.RATE_LIMITED),
        (_CANCELLED, Status.CANCELLED),
        (_BLOCKED, Status.BLOCKED),
    ):
        if any(word in kind for word in words):
            return status
    return Status.ERROR


def _times(fields: dict[str, Any], item: Item) -> None:
    if item.start_ns > 0:
        fields.setdefault("event_time", item.start_ns)
        if item.end_ns >= item.start_ns:
            fields.setdefault("duration_ms", (item.end_ns - item.start_ns) // 1_000_000)
        if "ttft_ms" not in fields:
            for event in item.events:
                if event.time_ns >= item.start_ns and (
                    event.name in traceloop.CHUNK_EVENTS or event.name == openinference.FIRST_TOKEN_EVENT
                ):
                    fields["ttft_ms"] = (event.time_ns - item.start_ns) // 1_000_000
                    break


def _outcome(fields: dict[str, Any], item: Item) -> None:
    """Status and error; the message of an exception may quote the request, so only its type is read."""
    if item.failed or "error_type" in fields:
        for event in item.events:
            kind = event.attributes.get("exception.type")
            if event.name == "exception" and isinstance(kind, str) and kind:
                fields.setdefault("error_type", kind)
                break
        fields.setdefault("status", status_of_error(fields.get("error_type", "")))
    elif item.end_ns > 0:
        fields.setdefault("status", Status.OK)
