"""The canonical event: one call of a model. Contract section 1 gives the meaning of each field.

Every field is declared below as content (text of people, redacted and kept apart in `bodies`) or metadata (kept in
`events`); a test fails on a field that stands in neither list. The structs hold no cycles, so the garbage collector
need not look at the millions of them (`gc=False`).
"""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from typing import Annotated, Literal

import msgspec

UInt8 = Annotated[int, msgspec.Meta(ge=0, le=2**8 - 1)]
UInt32 = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
UInt63 = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]


class Status(enum.Enum):
    """How the call ended."""

    OK = "ok"
    ERROR = "error"
    BLOCKED = "blocked"
    RATE_LIMITED = "rate_limited"
    CANCELLED = "cancelled"


class Message(msgspec.Struct, frozen=True, gc=False):
    """One turn of a conversation. `role` `tool` marks untrusted content."""

    role: str
    content: str | None = None


class Guardrail(msgspec.Struct, frozen=True, gc=False):
    """What a guardrail in front of the model already said."""

    status: str | None = None
    categories: tuple[str, ...] = ()
    max_score: float | None = None
    action: str | None = None


class InferenceEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One call of a model, after validation and normalisation. None = unknown, never zero.

    `event_time` is in UTC. Units are in the names: tokens, US dollars, milliseconds.
    """

    event_id: uuid.UUID
    event_time: datetime
    tenant_id: str
    source: str
    account_id: str
    schema_version: int = 1
    environment: str | None = None
    org_id: str | None = None
    api_key_hash: str | None = None
    end_user_id: str | None = None
    session_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    response_id: str | None = None
    operation: str | None = None
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    duration_ms: int | None = None
    ttft_ms: int | None = None
    status: Status | None = None
    error_type: str | None = None
    finish_reasons: tuple[str, ...] = ()
    refused: bool | None = None
    temperature: float | None = None
    tool_names: tuple[str, ...] = ()
    client_prefix_hash: str | None = None
    client_address_hash: str | None = None
    client_asn: int | None = None
    client_country: str | None = None
    user_agent: str | None = None
    agent_family: str | None = None
    email_domain: str | None = None
    payment_fingerprint: str | None = None
    account_created_at: datetime | None = None
    guardrail: Guardrail | None = None
    system: str | None = None
    input: str | tuple[Message, ...] | None = None
    output: str | None = None
    language: str | None = None
    script: str | None = None
    attributes: dict[str, str] = {}

    def last_user_text(self) -> str:
        """The last user turn, which most detectors read; empty when the sender gave no content."""
        return last_user_text(self.input)


def last_user_text(given: str | tuple[Message, ...] | None) -> str:
    """The last user turn of an input; empty when there is none."""
    if isinstance(given, str):
        return given
    for message in reversed(given or ()):
        if message.role == "user" and message.content:
            return message.content
    return ""


CONTENT_FIELDS = frozenset({"system", "input", "output"})
"""Text of people: redacted, stored in `bodies` only."""

REDACTED_METADATA_FIELDS = frozenset({"attributes", "user_agent", "error_type", "tool_names", "finish_reasons"})
"""Free text that senders fill: redacted, stored in `events`."""

METADATA_FIELDS = frozenset(
    {
        "event_id",
        "event_time",
        "tenant_id",
        "source",
        "account_id",
        "schema_version",
        "environment",
        "org_id",
        "api_key_hash",
        "end_user_id",
        "session_id",
        "trace_id",
        "span_id",
        "response_id",
        "operation",
        "provider",
        "request_model",
        "response_model",
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "reasoning_tokens",
        "cost_usd",
        "duration_ms",
        "ttft_ms",
        "status",
        "refused",
        "temperature",
        "client_prefix_hash",
        "client_address_hash",
        "agent_family",
        "language",
        "script",
        "client_asn",
        "client_country",
        "email_domain",
        "payment_fingerprint",
        "account_created_at",
        "guardrail",
    }
)
"""Identifiers and numbers, stored in `events` as they are."""

Role = Literal["system", "user", "assistant", "tool"]
