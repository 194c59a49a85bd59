"""What fuzzing starts from: real payloads of every dialect, and small ones made to reach every branch."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence

from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from ingest.dialects import get_dialect
from ingest.dialects.received import Envelope, wrap
from tests.ingest.dialects.payloads import as_json, envoy_line, litellm_calls, log, recorded, span, together
from tests.ingest.events import event

TRACES = ("openai_v2_traces", "openai_v2_latest_traces", "traceloop_traces", "openinference_traces")
LOGS = ("openai_v2_logs", "openai_v2_events_logs")

_OLD = {
    "gen_ai.system": "openai",
    "gen_ai.request.model": "m",
    "gen_ai.usage.prompt_tokens": 9,
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": '[{"type": "text", "text": "Hi"}]',
    "gen_ai.completion.0.tool_calls.0.name": "search",
    "traceloop.association.properties.user_id": "u",
    "metadata": '{"account_id": "a"}',
    "error.type": "RateLimitError",
}
_EVENTS = {
    "gen_ai.content.prompt": {"gen_ai.prompt": '[{"role": "user", "content": "Hi"}]'},
    "gen_ai.user.message": {"gen_ai.event.content": '{"content": "Hi"}'},
    "gen_ai.choice": {
        "gen_ai.event.content": '{"message": {"content": "Ho", "tool_calls": [{"function": {"name": "f"}}]}}'
    },
    "exception": {"exception.type": "openai.APIError"},
}


def seeds() -> Mapping[str, Sequence[bytes]]:
    """Payloads by dialect."""
    traces = [part for name in TRACES for part in get_dialect("otlp").parts(recorded(f"{name}.bin"))]
    traces += [together(span(_OLD, events=_EVENTS)), together(span(_OLD, number=1), span({"http": "GET"}, number=2))]
    traces += [as_json(raw, TracesData) for raw in traces[::3]]
    logs = [part for name in LOGS for part in get_dialect("otlp_logs").parts(recorded(f"{name}.bin"))]
    logs += [together(log("gen_ai.choice", {"index": 0, "message": {"content": ["a", {"b": 1.5}]}}), log("x", "y"))]
    logs += [as_json(raw, LogsData) for raw in logs[::2]]
    canonical = [json.dumps(event(**fields)).encode() for fields in _CANONICAL]
    litellm = [json.dumps(call).encode() for call in litellm_calls()]
    envoy = [json.dumps(line).encode() for line in (envoy_line(), envoy_line(response_code=0), {"path": "/healthz"})]
    found = {"canonical": canonical, "otlp": traces, "otlp_logs": logs, "litellm": litellm, "envoy": envoy}
    inside = [wrap(Envelope("acme", dialect, "edge"), raw) for dialect, raws in found.items() for raw in raws[:4]]
    return {**found, "received": inside}


_CANONICAL: Sequence[dict[str, object]] = (
    {},
    {
        "input": "Just a text",
        "refused": None,
        "guardrail": {"status": "flagged", "categories": ["a"], "max_score": 0.5},
    },
    {"event_time": 1793530800, "account_created_at": 1793530800000, "client_ip": "2001:db8::1", "client_country": "de"},
    {
        "attributes": {"a": {"b": [1, 2.5, None, "x"]}},
        "unknown": [1],
        "vigil.cut": "x",
        "tool_names": ["f"],
        "cost_usd": 0.1,
    },
)


def bodies() -> Mapping[str, Sequence[bytes]]:
    """Request bodies by the receiver's path."""
    by_dialect = seeds()
    objects = [json.loads(raw) for raw in by_dialect["canonical"]]
    lines = b"\n".join(by_dialect["canonical"])
    calls = by_dialect["litellm"]
    return {
        "/v1/traces": [recorded("traceloop_traces.bin"), *by_dialect["otlp"][:6]],
        "/v1/logs": [recorded("openai_v2_logs.bin"), *by_dialect["otlp_logs"][:6]],
        "/v1/litellm": [b"[" + b",".join(calls[:2]) + b"]", calls[0] + b"\n" + calls[3], calls[1]],
        "/v1/events": [
            json.dumps(objects).encode(),
            lines,
            json.dumps(objects[1], indent=1).encode(),
            gzip.compress(lines),
        ],
    }
