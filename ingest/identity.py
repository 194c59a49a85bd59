"""The identity of an event: the sender's, or one that is the same whenever the same event arrives again."""

from __future__ import annotations

import hashlib
import uuid

from ingest.dialects.base import WireEvent
from vigil.ids import event_uuid


def event_id(wire: WireEvent, raw: bytes, index: int, tenant_id: str, source: str) -> uuid.UUID:
    """`event_id` when sent; else UUIDv5 over tenant, source and the first of: response, trace and span, the event.

    `index` tells events of one payload apart. The kind of key is part of the name, so that a response id never meets a trace id.
    """
    if wire.event_id is not None:
        return wire.event_id
    if wire.response_id:
        return event_uuid(tenant_id, source, "response", wire.response_id)
    if wire.trace_id and wire.span_id:
        return event_uuid(tenant_id, source, "span", wire.trace_id, wire.span_id)
    key = hashlib.sha256(raw).hexdigest()
    return event_uuid(tenant_id, source, "event", key if index == 0 else f"{key}#{index}")
