"""One noisy tenant must not fill the store: beyond its budget only a sample of its texts is kept.

Events (metadata, fingerprints, counts) are always stored. Which bodies are kept depends on the event's id, so that
everybody who processes an event again keeps the same ones at the same share.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from ingest.outcome import Accepted
from vigil.event import InferenceEvent, Message

_MINUTE_S = 60.0
_SPACE = 2**32
MAX_TENANTS = 10_000
"""Whose levels are remembered; the one not seen for longest starts anew with a full minute."""


class Share(msgspec.Struct, frozen=True):
    """What one tenant sent and what was kept of it, in one batch."""

    tenant_id: str
    minute: datetime
    bodies: int
    body_bytes: int
    kept_bodies: int
    kept_bytes: int


class BodyBudgets:
    """Per tenant: a bucket of one minute's bytes that fills at the budget's rate. Times are those of the batches."""

    def __init__(self, bytes_per_minute: float) -> None:
        self._budget = bytes_per_minute
        self._levels: dict[str, tuple[float, datetime]] = {}

    def divide(self, accepted: Sequence[Accepted]) -> tuple[list[Accepted], list[Accepted], list[Share]]:
        """(those whose body is kept, those whose body is shed, what came to whom) of one batch."""
        by_tenant: dict[str, list[tuple[Accepted, int]]] = {}
        kept: list[Accepted] = []
        shed: list[Accepted] = []
        for item in accepted:
            size = body_bytes(item.event)
            if size:
                by_tenant.setdefault(item.event.tenant_id, []).append((item, size))
            else:
                kept.append(item)
        shares = []
        for tenant_id, items in sorted(by_tenant.items()):
            now = items[0][0].received_at
            wanted = sum(size for _, size in items)
            share = min(1.0, self._level(tenant_id, now) / wanted)
            mine = [(item, size) for item, size in items if _is_sampled(item.event, share)]
            kept += [item for item, _ in mine]
            if len(mine) < len(items):
                shed += [item for item, _ in items if not _is_sampled(item.event, share)]
            kept_bytes = sum(size for _, size in mine)
            self._spend(tenant_id, now, kept_bytes)
            minute = now.replace(second=0, microsecond=0)
            shares.append(Share(tenant_id, minute, len(items), wanted, len(mine), kept_bytes))
        return kept, shed, shares

    def _level(self, tenant_id: str, now: datetime) -> float:
        level, then = self._levels.get(tenant_id, (self._budget, now))
        passed_s = max(0.0, (now - then).total_seconds())
        return max(0.0, min(self._budget, level + self._budget * passed_s / _MINUTE_S))

    def _spend(self, tenant_id: str, now: datetime, spent: int) -> None:
        level = self._level(tenant_id, now) - spent
        self._levels.pop(tenant_id, None)
        self._levels[tenant_id] = (level, now)
        if len(self._levels) > MAX_TENANTS:
            del self._levels[next(iter(self._levels))]


def body_bytes(event: InferenceEvent) -> int:
    """About how many bytes of text an event has (characters)."""
    content = event.input
    size = len(event.system or "") + len(event.output or "")
    if content is None or isinstance(content, str):
        return size + len(content or "")
    return size + sum(_size(message) for message in content)


def _size(message: Message) -> int:
    return len(message.content or "")


def _is_sampled(event: InferenceEvent, share: float) -> bool:
    return share >= 1.0 or zlib.crc32(event.event_id.bytes) < share * _SPACE
