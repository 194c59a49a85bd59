"""Signals in the record: stored once each, waiting to be put into an incident."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from vigil.record.schema import signals as table
from vigil.signal import Signal


def store(connection: Connection, signals: Sequence[Signal], at: datetime) -> int:
    """Store each signal under its `signal_id`, said at `at`; returns how many were not there before.

    Idempotent: a window looked at again says the same, and the first saying stands.
    """
    if not signals:
        return 0
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = {
        signal.signal_id: {
            "signal_id": signal.signal_id,
            "at": at,
            "tenant_id": signal.tenant_id,
            "kind": signal.kind.value,
            "detector": signal.detector,
            "payload": msgspec.json.encode(signal, order="deterministic").decode(),
        }
        for signal in signals
    }
    statement = insert(table).on_conflict_do_nothing(index_elements=["signal_id"]).returning(table.c.signal_id)
    return len(connection.execute(statement, list(rows.values())).all())


def uncorrelated(connection: Connection, limit: int) -> list[Signal]:
    """Up to `limit` signals that no incident holds yet, oldest first."""
    query = (
        select(table.c.payload)
        .where(table.c.incident_id.is_(None))
        .order_by(table.c.at, table.c.signal_id)
        .limit(limit)
    )
    return [msgspec.json.decode(payload, type=Signal) for payload in connection.scalars(query)]
