"""What the receiver writes to its topic: the tenant that a token proved, the dialect, and the sender's own bytes.

    {"tenant":"acme","dialect":"otlp","source":"gateway-eu"}\\n<payload>

The envelope is inside the value, not in a header, so that a dead letter keeps it and a second try gives the same
tenant. A topic gets this dialect (`vigil.received:received` in `kafka.topics`) by the operator's own setting, which says
that nobody but the receiver may write to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from ingest.dialects.base import Dialect, Name, WireEvent
from ingest.dialects.registry import get_dialect, register
from vigil.errors import BadEvent, ConfigError

MAX_HEAD_BYTES = 4_096


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whose payload it is, and of which form."""

    tenant: Name
    dialect: str
    source: Name | None = None


_head = msgspec.json.Decoder(Envelope)


def wrap(envelope: Envelope, payload: bytes) -> bytes:
    """The value of the Kafka record."""
    return msgspec.json.encode(envelope) + b"\n" + payload


def unwrap(raw: bytes) -> tuple[Envelope, bytes]:
    """The envelope and the payload. Raises BadEvent for what the receiver did not write."""
    end = raw.find(b"\n", 0, MAX_HEAD_BYTES)
    try:
        if end < 0:
            raise msgspec.DecodeError
        envelope = _head.decode(raw[:end])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadEvent(
            "not_received",
            "the record was not written by `vigil receive`: let nobody else write to its topic, or read the topic"
            " under another dialect",
        ) from None
    return envelope, raw[end + 1 :]


@register
class Received(Dialect):
    """Payloads of other dialects, under the tenant of the sender's token."""

    name: ClassVar[str] = "received"
    authenticated: ClassVar[bool] = True

    def decode(self, raw: bytes) -> Sequence[WireEvent | BadEvent]:
        envelope, payload = unwrap(raw)
        events = _inner(envelope).decode(payload)
        return [event if isinstance(event, BadEvent) else _of_tenant(event, envelope) for event in events]

    def parts(self, raw: bytes) -> Sequence[bytes]:
        envelope, payload = unwrap(raw)
        return [wrap(envelope, part) for part in _inner(envelope).parts(payload)]


def _inner(envelope: Envelope) -> Dialect:
    if envelope.dialect == Received.name:
        raise BadEvent(
            "not_received", "an envelope holds another envelope; only `vigil receive` may write to this topic"
        )
    try:
        return get_dialect(envelope.dialect)
    except ConfigError:
        raise BadEvent(
            "unknown_dialect",
            f"the receiver wrote the dialect {envelope.dialect[:64]!r}, which this version does not know; update vigil"
            " and requeue",
        ) from None


def _of_tenant(event: WireEvent, envelope: Envelope) -> WireEvent:
    """The token decides; another tenant that the payload named stays visible among the attributes."""
    attributes = event.attributes
    if event.tenant_id is not None and event.tenant_id != envelope.tenant:
        attributes = {**(attributes or {}), "claimed_tenant_id": event.tenant_id}
    return msgspec.structs.replace(
        event, tenant_id=envelope.tenant, source=event.source or envelope.source, attributes=attributes
    )
