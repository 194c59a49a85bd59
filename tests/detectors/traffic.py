"""A tiny generator of traffic, inserted as ingest would."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vigil.warehouse import Warehouse

START = datetime(2026, 11, 2, tzinfo=UTC)  # a Monday


@dataclass(frozen=True)
class Call:
    """One event, with the columns that detectors read."""

    at: datetime
    account: str
    text: str = ""
    tenant: str = "acme"
    source: str = "gateway"
    org: str = ""
    prefix: str = ""
    output_tokens: int | None = None
    key: str = ""
    asn: int | None = None
    agent: str = ""
    status: str = "ok"
    domain: str = ""
    created: datetime | None = None


def insert(warehouse: Warehouse, calls: Iterable[Call], *, shuffle_seed: int | None = None) -> int:
    """Insert the calls in one batch; ids follow from content, so the same calls are the same rows in any order."""
    rows = list(calls)
    seen: dict[Call, int] = {}
    ids = []
    for call in rows:
        seen[call] = seen.get(call, 0) + 1
        ids.append(uuid.uuid5(uuid.NAMESPACE_OID, f"{call}|{seen[call]}"))
    order = list(range(len(rows)))
    if shuffle_seed is not None:
        random.Random(shuffle_seed).shuffle(order)
    columns: dict[str, Sequence[object]] = {
        "event_id": [ids[i] for i in order],
        "event_time": [rows[i].at for i in order],
        "received_at": [rows[i].at for i in order],
        "tenant_id": [rows[i].tenant for i in order],
        "source": [rows[i].source for i in order],
        "account_id": [rows[i].account for i in order],
        "org_id": [rows[i].org for i in order],
        "client_prefix_hash": [rows[i].prefix for i in order],
        "output_tokens": [rows[i].output_tokens for i in order],
        "api_key_hash": [rows[i].key for i in order],
        "client_asn": [rows[i].asn for i in order],
        "user_agent": [rows[i].agent for i in order],
        "status": [rows[i].status for i in order],
        "email_domain": [rows[i].domain for i in order],
        "account_created_at": [rows[i].created for i in order],
        "last_user_text": [rows[i].text for i in order],
    }
    for start in range(0, len(order), 100_000):
        part = [list(values[start : start + 100_000]) for values in columns.values()]
        warehouse.insert("events", list(columns), part)
    return len(order)


def steady(
    account: str, start: datetime, end: datetime, every: timedelta, *, text: str = "", source: str = "gateway"
) -> list[Call]:
    """Calls at a fixed pace in [start, end)."""
    count = max(0, -((start - end) // every))
    return [Call(start + number * every, account, text, source=source) for number in range(count)]
