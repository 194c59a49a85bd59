"""Envoy AI Gateway: the keys of its access log, as its documentation names them, whether in JSON or as OTLP attributes.

The format is the operator's own; these are the names of the gateway's documentation, old (`genai_*`) and new
(`gen_ai.*`), and of Envoy's usual fields. Attributes: the rows of `ROWS`, and:

| field | read from |
|---|---|
| `event_time` | `start_time` (`%START_TIME%`, RFC 3339 in UTC) |
| `status` | `response_code`: 429 rate limited, 499 or flag `DC` cancelled, 403 with `ext_authz` or a guardrail blocked, other 4xx and 5xx or 0 error |
| `client_ip` | first address of `x-forwarded-for`, else `downstream_remote_address` without its port |
| `operation` | `x-envoy-origin-path`, `path` or `:path`: `/chat/completions`, `/messages`, `/responses` chat, `/completions` text_completion, `/embeddings` embeddings |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ingest.dialects.conventions.gen_ai import CACHE_CREATION
from ingest.dialects.conventions.table import Row, fill, text, whole
from vigil.event import Status

CODE = "response_code"
START = "start_time"
PATHS = ("x-envoy-origin-path", "path", ":path", "url.path")
FORWARDED = "x-forwarded-for"
REMOTE = "downstream_remote_address"
FLAGS = "response_flags"
DETAILS = "response_code_details"

ROWS = (
    Row("request_model", ("gen_ai.request.model", "genai_model_name"), text),
    Row(
        "response_model", ("gen_ai.response.model", "gen_ai.request.model_override", "genai_model_name_override"), text
    ),
    Row("provider", ("gen_ai.provider.name", "genai_backend_name"), text),
    Row("input_tokens", ("gen_ai.usage.input_tokens", "genai_tokens_input"), whole),
    Row("output_tokens", ("gen_ai.usage.output_tokens", "genai_tokens_output"), whole),
    Row(
        "cache_read_tokens",
        ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cached_input_tokens", "genai_tokens_cached_input"),
        whole,
    ),
    Row(CACHE_CREATION, ("gen_ai.usage.cache_creation.input_tokens", "genai_tokens_cache_creation_input"), whole),
    Row("reasoning_tokens", ("gen_ai.usage.reasoning.output_tokens", "genai_tokens_reasoning"), whole),
    Row("duration_ms", ("duration",), whole),
    Row("user_agent", ("user-agent",), text),
    Row("trace_id", ("trace_id",), text),
    Row("span_id", ("span_id",), text),
    Row("session_id", ("session.id", "mcp.session.id", "mcp_session_id"), text),
    Row("error_type", ("gen_ai.error.type", "llm_error_type"), text),
)

_OPERATIONS = (
    ("/chat/completions", "chat"),
    ("/messages", "chat"),
    ("/responses", "chat"),
    ("/completions", "text_completion"),
    ("/embeddings", "embeddings"),
    ("/rerank", "rerank"),
    ("/mcp", "execute_tool"),
)


def read(fields: dict[str, Any], attributes: Mapping[str, Any], used: set[str]) -> None:
    """Fill what an access log knows."""
    fill(fields, ROWS, attributes, used)
    moment = _moment(attributes.get(START))
    if moment is not None:
        fields.setdefault("event_time", moment)
        used.add(START)
    code = whole(attributes.get(CODE))
    if code is not None:
        status = _status(code, str(attributes.get(FLAGS)), str(attributes.get(DETAILS)))
        fields.setdefault("status", status)
        if status is not Status.OK:
            fields.setdefault("error_type", str(code))
        used.add(CODE)
    address = _address(attributes)
    if address is not None:
        fields.setdefault("client_ip", address)
    used.update((FORWARDED, REMOTE))
    for name in PATHS:
        path = attributes.get(name)
        if isinstance(path, str):
            path = path.partition("?")[0].rstrip("/")
            for end, operation in _OPERATIONS:
                if path.endswith(end):
                    fields.setdefault("operation", operation)
                    return


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _status(code: int, flags: str, details: str) -> Status:
    if code == 429:
        return Status.RATE_LIMITED
    if code == 499 or "DC" in flags.split(","):
        return Status.CANCELLED
    if code == 403 and ("ext_authz" in details or "guardrail" in details):
        return Status.BLOCKED
    return Status.OK if 100 <= code < 400 else Status.ERROR


def _address(attributes: Mapping[str, Any]) -> str | None:
    forwarded = text(attributes.get(FORWARDED))
    if forwarded is not None and forwarded != "-":
        return forwarded.partition(",")[0].strip()
    remote = text(attributes.get(REMOTE))
    if remote is None or remote == "-":
        return None
    host, separator, port = remote.rpartition(":")
    return host.strip("[]") if separator and port.isdigit() and host else remote
