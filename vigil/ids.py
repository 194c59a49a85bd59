"""Identifiers that are the same whenever the same thing is computed again.

Deterministic ids make every write idempotent: a retried insert, a replayed window, a second leader all arrive at
the same key.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import NewType

Offset = NewType("Offset", int)
"""Position of a record in a Kafka partition."""

NextOffset = NewType("NextOffset", int)
"""The offset after the last one: what Kafka commits, and the end of a half-open range."""

EVENT_NAMESPACE = uuid.UUID("6f1c2a44-8d0e-5f1b-9a57-3c1f4b7d2e90")
"""Namespace of the UUIDv5 given to events that carry no `event_id`."""


def event_uuid(*parts: str) -> uuid.UUID:
    """UUIDv5 over `parts`, each with its length before it, so that no two lists of parts meet."""
    return uuid.uuid5(EVENT_NAMESPACE, "".join(f"{len(part)}:{part}," for part in parts))


def digest(*parts: str, length: int = 32) -> str:
    """First `length` hex digits of SHA-256 over `parts`, each with its length before it."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode()
        state.update(len(data).to_bytes(8, "big"))
        state.update(data)
    return state.hexdigest()[:length]


def prefixed(prefix: str, *parts: str) -> str:
    """A readable deterministic id: `inc_3f9c2a…` (prefix and 20 hex digits)."""
    return f"{prefix}_{digest(*parts, length=20)}"
