"""The contract of a dialect, and the wire form that every dialect produces.

A dialect turns the bytes of one payload into wire events: the keys of the canonical event with the right types, not
yet checked against the clock, not redacted, not defaulted. All that is common to dialects happens after it, once, in
`ingest.normalise`.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec

from vigil.errors import BadEvent
from vigil.event import Message, NonNegative, Status, UInt32

Name = Annotated[str, msgspec.Meta(max_length=256)]
"""Few distinct values: models, sources, environments."""

Identifier = Annotated[str, msgspec.Meta(max_length=1024)]
"""Many distinct values: principals, traces. Longer ones are refused, because cutting one would merge two principals."""

Instant = datetime | int | float
"""RFC 3339, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970."""


class WireGuardrail(msgspec.Struct, frozen=True, gc=False):
    """`guardrail` as sent: every key may be missing or null."""

    status: Name | None = None
    categories: tuple[Name, ...] | None = None
    max_score: float | None = None
    action: Name | None = None


class WireEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event as sent. None = missing; what is required is checked when it is normalised."""

    schema_version: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    event_id: uuid.UUID | None = None
    event_time: Instant | None = None
    tenant_id: Name | None = None
    environment: Name | None = None
    source: Name | None = None
    org_id: Identifier | None = None
    account_id: Identifier | None = None
    api_key_hash: Identifier | None = None
    end_user_id: Identifier | None = None
    session_id: Identifier | None = None
    trace_id: Identifier | None = None
    span_id: Identifier | None = None
    response_id: Identifier | None = None
    operation: Name | None = None
    provider: Name | None = None
    request_model: Name | None = None
    response_model: Name | None = None
    input_tokens: UInt32 | None = None
    output_tokens: UInt32 | None = None
    cache_read_tokens: UInt32 | None = None
    reasoning_tokens: UInt32 | None = None
    cost_usd: NonNegative | None = None
    duration_ms: UInt32 | None = None
    ttft_ms: UInt32 | None = None
    status: Status | None = None
    error_type: str | None = None
    finish_reasons: tuple[str, ...] | None = None
    refused: bool | None = None
    temperature: float | None = None
    tool_names: tuple[str, ...] | None = None
    client_ip: str | None = None
    client_asn: UInt32 | None = None
    client_country: str | None = None
    user_agent: str | None = None
    email_domain: Identifier | None = None
    payment_fingerprint: Identifier | None = None
    account_created_at: Instant | None = None
    guardrail: WireGuardrail | None = None
    system: str | None = None
    input: str | tuple[Message, ...] | None = None
    output: str | None = None
    attributes: dict[str, Any] | None = None


class Dialect(ABC):
    """One wire format. Stateless; called once a payload, on the hot path, and may not block."""

    name: ClassVar[str]

    authenticated: ClassVar[bool] = False
    """Whether the tenant its events name was proved by a token: a sender cannot write such payloads itself."""

    @abstractmethod
    def decode(self, raw: bytes) -> Sequence[WireEvent | BadEvent]:
        """The events of one payload, at least one, in an order that depends on the payload only.

        An event that cannot be read stands there as the reason why not. `raw` is not empty and at most
        `ingest.max_event_bytes` long; a dialect of text checks it with `ingest.payload.check_text`. Raises BadEvent
        when the payload as a whole cannot be read, with the class `no_inference` when it holds no call of a model.
        """

    def parts(self, raw: bytes) -> Sequence[bytes]:
        """One payload of this dialect for each event of `raw`, in the order of `decode`; called now and then only.

        A bad event among good ones becomes a dead letter with its own part, so that a second try repeats nothing.
        Raises BadEvent as `decode` does.
        """
        return (raw,)
