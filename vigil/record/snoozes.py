"""Snoozes: a person leaves a principal or an incident alone for a time, or lets no rule act on it without a person."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from vigil.clock import Clock
from vigil.effect import Target
from vigil.errors import UsageError
from vigil.ids import prefixed
from vigil.record import ledger
from vigil.record.action_rows import target_key
from vigil.record.actions import as_person
from vigil.record.engine import Record
from vigil.record.incident_rows import storable
from vigil.record.schema import snoozes


class SnoozeKind(enum.Enum):
    """`snooze`: no policy acts; `pause`: what a policy wants waits for a person."""

    SNOOZE = "snooze"
    PAUSE = "pause"


class Snooze(msgspec.Struct, frozen=True, kw_only=True):
    """One snooze. `subject` is what people read: `account u-1` or the incident's id."""

    snooze_id: str
    tenant_id: str
    kind: SnoozeKind
    subject_key: str
    subject: str
    actor: str
    reason: str
    set_at: datetime
    until: datetime
    released_at: datetime | None = None


def snooze_principal(
    record: Record,
    clock: Clock,
    target: Target,
    until: datetime,
    actor: str,
    reason: str,
    kind: SnoozeKind = SnoozeKind.SNOOZE,
) -> Snooze:
    """Leave a principal, and what belongs to it, alone until then. Raises UsageError without reason, person or future."""
    with record.write() as connection:
        return set_on_principal(connection, clock.now(), target, until, actor, reason, kind)


def set_on_principal(
    connection: Connection,
    now: datetime,
    target: Target,
    until: datetime,
    actor: str,
    reason: str,
    kind: SnoozeKind = SnoozeKind.SNOOZE,
) -> Snooze:
    """As `snooze_principal`, inside the caller's transaction."""
    subject = f"{target.type.value} {target.id}"
    return _set(connection, now, kind, target.tenant_id, target_key(target), subject, until, actor, reason)


def snooze_incident(
    record: Record, clock: Clock, tenant_id: str, incident_id: str, until: datetime, actor: str, reason: str
) -> Snooze:
    """No policy acts on the incident until then. Raises UsageError without reason, person or future."""
    with record.write() as connection:
        return _set(
            connection, clock.now(), SnoozeKind.SNOOZE, tenant_id, incident_id, incident_id, until, actor, reason
        )


def release(record: Record, clock: Clock, snooze_id: str, actor: str) -> None:
    """End a snooze. Raises UsageError when it is not set."""
    now = clock.now()
    with record.write() as connection:
        if all(snooze.snooze_id != snooze_id for snooze in active(connection, now)):
            raise UsageError(
                f"no snooze {snooze_id} is set; `vigil accounts show` and `vigil incidents show` name them"
            )
        connection.execute(update(snoozes).where(snoozes.c.snooze_id == snooze_id).values(released_at=now))
        ledger.append(connection, now, as_person(actor), "snooze_released", {"snooze_id": snooze_id})


def active(connection: Connection, now: datetime, keys: Iterable[str] | None = None) -> list[Snooze]:
    """Snoozes set at `now` (of these subjects), oldest first."""
    query = select(snoozes).where(snoozes.c.released_at.is_(None), snoozes.c.until > now)
    if keys is not None:
        query = query.where(snoozes.c.subject_key.in_(sorted(keys)))
    return [_snooze(row) for row in connection.execute(query.order_by(snoozes.c.set_at, snoozes.c.snooze_id))]


def _set(
    connection: Connection,
    now: datetime,
    kind: SnoozeKind,
    tenant_id: str,
    subject_key: str,
    subject: str,
    until: datetime,
    actor: str,
    reason: str,
) -> Snooze:
    if not reason.strip():
        raise UsageError("a snooze needs a reason: whoever finds nothing done must know why")
    if until <= now:
        raise UsageError(f"a snooze has to end in the future, not at {until.isoformat()}")
    snooze = Snooze(
        snooze_id=prefixed("snz", kind.value, subject_key, actor, now.isoformat(), until.isoformat()),
        tenant_id=tenant_id,
        kind=kind,
        subject_key=subject_key,
        subject=storable(subject),
        actor=storable(as_person(actor)),
        reason=storable(reason.strip()),
        set_at=now,
        until=until,
    )
    if connection.execute(select(snoozes.c.snooze_id).where(snoozes.c.snooze_id == snooze.snooze_id)).first() is None:
        connection.execute(insert(snoozes).values(**{**msgspec.structs.asdict(snooze), "kind": kind.value}))
        payload = {"snooze_id": snooze.snooze_id, "subject": subject, "tenant_id": tenant_id, "until": until}
        ledger.append(connection, now, actor, f"{kind.value}_set", {**payload, "reason": reason})
    return snooze


def _snooze(row: Row[Any]) -> Snooze:
    return Snooze(
        snooze_id=row.snooze_id,
        tenant_id=row.tenant_id,
        kind=SnoozeKind(row.kind),
        subject_key=row.subject_key,
        subject=row.subject,
        actor=row.actor,
        reason=row.reason,
        set_at=row.set_at,
        until=row.until,
        released_at=row.released_at,
    )
