"""Appeals in the record: against one action, open until another person than the one who approved it decides."""

from __future__ import annotations

import enum
from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, insert, select, update

from vigil.errors import UsageError
from vigil.ids import prefixed
from vigil.record import ledger
from vigil.record.incident_rows import storable
from vigil.record.schema import appeals

MOST_CHARACTERS = 10_000
"""Of an appellant's statement."""


class AppealOutcome(enum.Enum):
    """What the person who decided said of the action: it stands (`upheld`) or it was wrong (`overturned`)."""

    UPHELD = "upheld"
    OVERTURNED = "overturned"


class Appeal(msgspec.Struct, frozen=True, kw_only=True):
    """One appeal. `outcome`, `decided_by`, `decided_at` and `reason` are None while it is open."""

    appeal_id: str
    action_id: str
    statement: str
    opened_by: str
    opened_at: datetime
    outcome: AppealOutcome | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None


def add(connection: Connection, action_id: str, statement: str, opened_by: str, now: datetime) -> Appeal:
    """Open an appeal. Raises UsageError when one is open against the action, or nothing is said."""
    text = storable(statement.strip())
    if not text or len(text) > MOST_CHARACTERS:
        raise UsageError(f"an appeal says why, in up to {MOST_CHARACTERS:,} characters")
    before = of_action(connection, action_id)
    if any(one.outcome is None for one in before):
        raise UsageError(f"appeal {before[-1].appeal_id} against action {action_id} is open already")
    appeal = Appeal(
        appeal_id=prefixed("apl", action_id, str(len(before))),
        action_id=action_id,
        statement=text,
        opened_by=storable(opened_by)[:256],
        opened_at=now,
    )
    columns = msgspec.structs.asdict(appeal) | {"open_key": action_id}
    connection.execute(insert(appeals).values(**columns))
    payload = {"appeal_id": appeal.appeal_id, "action_id": action_id, "statement": text}
    ledger.append(connection, now, opened_by, "appeal_opened", payload)
    return appeal


def close(
    connection: Connection, appeal: Appeal, outcome: AppealOutcome, actor: str, reason: str, now: datetime
) -> Appeal:
    """Write the decision. The database refuses it of who proposed or approved the action, and a second one."""
    decided = msgspec.structs.replace(
        appeal, outcome=outcome, decided_by=actor, decided_at=now, reason=storable(reason.strip())
    )
    connection.execute(
        update(appeals)
        .where(appeals.c.appeal_id == appeal.appeal_id)
        .values(outcome=outcome.value, decided_by=actor, decided_at=now, reason=decided.reason, open_key=None)
    )
    payload = {"appeal_id": appeal.appeal_id, "action_id": appeal.action_id, "outcome": outcome.value}
    ledger.append(connection, now, actor, "appeal_decided", {**payload, "reason": decided.reason})
    return decided


def get(connection: Connection, appeal_id: str) -> Appeal:
    """The appeal. Raises UsageError when there is none of that id."""
    found = _appeals(connection, select(appeals).where(appeals.c.appeal_id == appeal_id))
    if not found:
        raise UsageError(f"there is no appeal {appeal_id}; `vigil actions appeals list` shows those there are")
    return found[0]


def of_action(connection: Connection, action_id: str) -> list[Appeal]:
    """Appeals against the action, oldest first."""
    query = select(appeals).where(appeals.c.action_id == action_id)
    return _appeals(connection, query.order_by(appeals.c.opened_at, appeals.c.outcome.is_(None), appeals.c.appeal_id))


def list_appeals(
    connection: Connection,
    *,
    open_only: bool = False,
    outcomes: Collection[AppealOutcome] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = 200,
) -> list[Appeal]:
    """Appeals, longest waiting first; `since` and `until` (exclusive) are about their opening."""
    query = select(appeals)
    if open_only:
        query = query.where(appeals.c.outcome.is_(None))
    if outcomes is not None:
        query = query.where(appeals.c.outcome.in_([outcome.value for outcome in outcomes]))
    if since is not None:
        query = query.where(appeals.c.opened_at >= since)
    if until is not None:
        query = query.where(appeals.c.opened_at < until)
    return _appeals(
        connection, query.order_by(appeals.c.opened_at, appeals.c.outcome.is_(None), appeals.c.appeal_id).limit(limit)
    )


def _appeals(connection: Connection, query: Select[Any]) -> list[Appeal]:
    return [_appeal(row) for row in connection.execute(query)]


def _appeal(row: Row[Any]) -> Appeal:
    return Appeal(
        appeal_id=row.appeal_id,
        action_id=row.action_id,
        statement=row.statement,
        opened_by=row.opened_by,
        opened_at=row.opened_at,
        outcome=None if row.outcome is None else AppealOutcome(row.outcome),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        reason=row.reason,
    )
