"""The events behind an incident: metadata for everybody, text only when revealed, and every reveal on the ledger."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from dashboard.views.reading import read
from vigil.clock import Clock
from vigil.errors import UsageError
from vigil.record import Record, ledger
from vigil.record.incident_rows import storable
from vigil.warehouse import Warehouse

EVENTS_SHOWN = 20

_TURN_LIMIT = 4_000


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """Metadata of one call. None = unknown."""

    event_id: str
    event_time: datetime
    account_id: str
    source: str
    model: str
    status: str
    refused: bool | None
    input_tokens: int | None
    output_tokens: int | None
    duration_ms: int | None
    country: str
    asn: int | None
    user_agent: str
    has_content: bool


class Body(msgspec.Struct, frozen=True):
    """Redacted text of one call: the last user turn and the answer, each cut at 4,000 characters."""

    last_turn: str
    output: str


_EVENT_COLUMNS = """
    toString(event_id), event_time, account_id, source,
    if(response_model != '', response_model, request_model), status, refused,
    input_tokens, output_tokens, duration_ms, client_country, client_asn, user_agent, has_content
"""


def events(
    warehouse: Warehouse, tenant_id: str, event_ids: Sequence[str], since: datetime, until: datetime
) -> list[EventRow]:
    """The events of these ids that lie in [since, until], oldest first, each once."""
    wanted = _uuids(event_ids)
    if not wanted:
        return []
    rows = read(
        warehouse,
        f"""
        SELECT {_EVENT_COLUMNS}
        FROM events
        WHERE tenant_id = {{tenant:String}} AND event_time >= {{since:DateTime64(6, 'UTC')}}
          AND event_time <= {{until:DateTime64(6, 'UTC')}} AND event_id IN {{ids:Array(UUID)}}
        ORDER BY event_time, event_id LIMIT 1 BY event_id LIMIT {{rows:UInt32}}
        """,  # noqa: S608  # the columns are a constant, values are bound
        {"tenant": tenant_id, "since": since, "until": until, "ids": wanted, "rows": EVENTS_SHOWN},
    )
    return [_event(row) for row in rows]


def latest_events(
    warehouse: Warehouse, tenant_id: str, account_id: str, now: datetime, since: datetime, limit: int = EVENTS_SHOWN
) -> list[EventRow]:
    """The account's last calls in [since, now], newest first."""
    rows = read(
        warehouse,
        f"""
        SELECT {_EVENT_COLUMNS}
        FROM events
        WHERE tenant_id = {{tenant:String}} AND account_id = {{account:String}}
          AND event_time >= {{since:DateTime64(6, 'UTC')}} AND event_time <= {{now:DateTime64(6, 'UTC')}}
        ORDER BY event_time DESC, event_id LIMIT 1 BY event_id LIMIT {{rows:UInt32}}
        """,  # noqa: S608  # the columns are a constant, values are bound
        {"tenant": tenant_id, "account": account_id, "since": since, "now": now, "rows": limit},
    )
    return [_event(row) for row in rows]


def reveal(
    record: Record,
    warehouse: Warehouse,
    clock: Clock,
    *,
    tenant_id: str,
    event_ids: Sequence[str],
    incident_id: str,
    actor: str,
    reason: str,
) -> dict[str, Body]:
    """Read the redacted text of these events, for a reason.

    The reveal is on the ledger before the text is read: a reveal that fails later is on record, one that is not on
    record shows nothing. Raises UsageError without a reason.
    """
    if not reason.strip():
        raise UsageError("revealing text needs a reason: it is written to the ledger")
    wanted = _uuids(event_ids)[:EVENTS_SHOWN]
    with record.write() as connection:
        _write_reveal(connection, clock.now(), actor, tenant_id, incident_id, wanted, reason)
    rows = read(
        warehouse,
        """
        SELECT toString(event_id), input, output
        FROM bodies
        WHERE tenant_id = {tenant:String} AND event_id IN {ids:Array(UUID)}
        LIMIT 1 BY event_id LIMIT {rows:UInt32}
        """,
        {"tenant": tenant_id, "ids": wanted, "rows": EVENTS_SHOWN},
    )
    return {event_id: Body(last_turn(text)[:_TURN_LIMIT], output[:_TURN_LIMIT]) for event_id, text, output in rows}


def last_turn(text: str) -> str:
    """The last user turn of a stored input, which is text or a JSON array of `{role, content}`.

    >>> last_turn('[{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]')
    'hello'
    """
    if not text.startswith("["):
        return text
    try:
        turns = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    for turn in reversed(turns):
        if isinstance(turn, dict) and turn.get("role") == "user" and isinstance(turn.get("content"), str):
            return str(turn["content"])
    return text


def _write_reveal(
    connection: Connection,
    at: datetime,
    actor: str,
    tenant_id: str,
    incident_id: str,
    event_ids: Sequence[str],
    reason: str,
) -> None:
    payload = {
        "incident_id": incident_id,
        "tenant_id": tenant_id,
        "event_ids": list(event_ids),
        "reason": storable(reason.strip()),
    }
    ledger.append(connection, at, actor, "reveal", payload)


def _uuids(event_ids: Sequence[str]) -> list[str]:
    found = []
    for event_id in event_ids:
        try:
            found.append(str(uuid.UUID(event_id)))
        except ValueError:
            continue  # evidence of something that is no event (a source, a model)
    return found


def _event(row: tuple[Any, ...]) -> EventRow:
    return EventRow(
        event_id=row[0],
        event_time=row[1],
        account_id=row[2],
        source=row[3],
        model=row[4],
        status=row[5],
        refused=row[6],
        input_tokens=row[7],
        output_tokens=row[8],
        duration_ms=row[9],
        country=row[10],
        asn=row[11],
        user_agent=row[12],
        has_content=bool(row[13]),
    )
