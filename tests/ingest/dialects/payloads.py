"""Payloads of every dialect for its tests and for fuzzing: recorded from real emitters, and made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import Status, TracesData

from ingest.dialects import get_dialect
from ingest.dialects.base import WireEvent

RECORDED = Path(__file__).parent / "recorded"
START_NS = 1_793_530_800_000_000_000
"""2026-11-01T11:00:00Z."""


def recorded(name: str) -> bytes:
    """What a real emitter sent; the file's name says which. Concatenated requests, which is one request in protobuf."""
    return (RECORDED / name).read_bytes()


def read(dialect: str, raw: bytes) -> list[WireEvent]:
    """The events of a payload, all of which must be readable."""
    events = []
    for event in get_dialect(dialect).decode(raw):
        assert isinstance(event, WireEvent), event
        events.append(event)
    return events


def value(given: Any) -> AnyValue:
    """As OTLP writes it."""
    if isinstance(given, bool):
        return AnyValue(bool_value=given)
    if isinstance(given, int):
        return AnyValue(int_value=given)
    if isinstance(given, float):
        return AnyValue(double_value=given)
    if isinstance(given, list):
        return AnyValue(array_value=ArrayValue(values=[value(item) for item in given]))
    if isinstance(given, dict):
        made = AnyValue()
        made.kvlist_value.values.extend(pairs(given))
        return made
    return AnyValue(string_value=given)


def pairs(attributes: dict[str, Any]) -> list[KeyValue]:
    """Attributes as OTLP writes them."""
    return [KeyValue(key=key, value=value(given)) for key, given in attributes.items()]


def span(
    attributes: dict[str, Any],
    *,
    resource: dict[str, Any] | None = None,
    events: dict[str, dict[str, Any]] | None = None,
    number: int = 1,
    failed: bool = False,
) -> TracesData:
    """A request of one span that took 1.5 seconds."""
    data = TracesData()
    holder = data.resource_spans.add()
    holder.resource.attributes.extend(pairs({"service.name": "shop"} if resource is None else resource))
    made = holder.scope_spans.add().spans.add(
        name="chat",
        trace_id=bytes([number] * 16),
        span_id=bytes([number] * 8),
        start_time_unix_nano=START_NS,
        end_time_unix_nano=START_NS + 1_500_000_000,
    )
    if failed:
        made.status.code = Status.STATUS_CODE_ERROR
    made.attributes.extend(pairs(attributes))
    for name, given in (events or {}).items():
        made.events.add(name=name, time_unix_nano=START_NS + 250_000_000).attributes.extend(pairs(given))
    return data


def log(
    name: str, body: Any, attributes: dict[str, Any] | None = None, *, number: int = 1, after_s: int = 0
) -> LogsData:
    """A request of one log record."""
    data = LogsData()
    holder = data.resource_logs.add()
    holder.resource.attributes.extend(pairs({"service.name": "shop"}))
    record = holder.scope_logs.add().log_records.add(
        event_name=name,
        time_unix_nano=START_NS + after_s * 1_000_000_000,
        trace_id=bytes([number] * 16),
        span_id=bytes([number] * 8),
    )
    if body is not None:
        record.body.CopyFrom(value(body))
    record.attributes.extend(pairs(attributes or {}))
    return data


def together(*requests: Any) -> bytes:
    """Several requests in one payload."""
    return b"".join(request.SerializeToString() for request in requests)


def as_json(raw: bytes, kind: type[TracesData] | type[LogsData]) -> bytes:
    """The same in OTLP's JSON, where ids are hexadecimal (protobuf's own JSON writes them in base 64)."""
    made = MessageToDict(kind.FromString(raw))
    for holder in made.get("resourceSpans", []) + made.get("resourceLogs", []):
        for scope in holder.get("scopeSpans", []) + holder.get("scopeLogs", []):
            for item in scope.get("spans", []) + scope.get("logRecords", []):
                for key in ("traceId", "spanId", "parentSpanId"):
                    if key in item:
                        item[key] = _hexadecimal(item[key])
                item.pop("kind", None)
    return json.dumps(made).encode()


def litellm_calls() -> list[dict[str, Any]]:
    """What a real LiteLLM proxy posted, one object a call."""
    calls: list[dict[str, Any]] = json.loads(recorded("litellm.json"))
    return calls


def envoy_line(**fields: Any) -> dict[str, Any]:
    """An access-log line as Envoy AI Gateway's documentation shows it, of this year."""
    line = {
        ":authority": "api.example", "bytes_received": 105, "bytes_sent": 432, "connection_termination_details": None,
        "downstream_local_address": "127.0.0.1:1975", "downstream_remote_address": "192.0.2.7:64484", "duration": 1526,
        "gen_ai.provider.name": "default/openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.model_override": None, "gen_ai.usage.input_tokens": 15, "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.total_tokens": 22, "account_id": "acct-9", "method": "POST", "protocol": "HTTP/1.1",
        "requested_server_name": None, "response_code": 200, "response_code_details": "via_upstream",
        "response_flags": "-", "start_time": "2026-11-01T11:00:00.250Z", "user-agent": "curl/8.7.1",
        "x-envoy-origin-path": "/v1/chat/completions", "x-forwarded-for": "198.51.100.4, 10.0.0.1",
        "x-request-id": "83b63da3-45a9-4196-98b8-1a7f697d6d8d",
    }  # fmt: skip
    return {**line, **fields}


def _hexadecimal(text: str) -> str:
    import base64

    return base64.b64decode(text).hex()
