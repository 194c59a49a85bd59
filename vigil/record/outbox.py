"""The outbox: what is to be delivered, stored in the transaction that decided it, and delivered at least once.

A dispatcher claims rows with a lease, calls the adapter outside any transaction and writes the outcome in another.
A crash in between lets the lease run out, and the row is called again under the same idempotency key. Rows of one
`order_key` (a target) go out in the order in which they were decided, so a lift never overtakes what it lifts.
All functions belong inside `record.write()`, which lets one writer in at a time on both databases.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, insert, select, update

from vigil.delivery import Delivery, delivery_of
from vigil.effect import Action, ActionState, EffectKind
from vigil.ids import prefixed
from vigil.record.action_rows import action_of, target_key
from vigil.record.incident_rows import storable
from vigil.record.schema import actions, outbox

_CHUNK = 500
"""Parameters of one statement."""


class OutboxState(enum.Enum):
    """`held` waits for a person, `pending` for a dispatcher; the others are final."""

    HELD = "held"
    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `attempts` counts the claim in progress."""

    outbox_id: str
    action_id: str
    adapter: str
    delivery: Delivery
    state: OutboxState
    created_at: datetime
    not_before: datetime
    attempts: int
    first_failed_at: datetime | None
    leased_until: datetime | None
    leased_by: str | None
    last_error: str | None
    delivered_at: datetime | None


def enqueue(connection: Connection, action: Action, adapter: str, now: datetime, *, held: bool = False) -> str:
    """Put an action in; returns the row's id. Putting the same action in again changes nothing, unless its row was
    cancelled: then it is to go out after all.

    `held` rows wait for `release`, others for the action's `execute_at`, where it has one.
    """
    return enqueue_all(connection, [Entry(action, adapter, held)], now)[0]


class Entry(msgspec.Struct, frozen=True):
    """What is to go out through which adapter; `held` waits for `release`."""

    action: Action
    adapter: str
    held: bool = False


def enqueue_all(connection: Connection, entries: Sequence[Entry], now: datetime) -> list[str]:
    """Put actions in, in this order; the rows' ids. As `enqueue`, with a few statements for all of them.

    An action with `execute_at` goes out then and not before.
    """
    if not entries:
        return []
    seq = _next_seq(connection)
    rows = [_new_row(entry, seq + number, now) for number, entry in enumerate(entries)]
    ids = [row["outbox_id"] for row in rows]
    states: dict[str, str] = {}
    for start in range(0, len(ids), _CHUNK):
        chunk = select(outbox.c.outbox_id, outbox.c.state).where(outbox.c.outbox_id.in_(ids[start : start + _CHUNK]))
        states |= {row.outbox_id: row.state for row in connection.execute(chunk)}
    if fresh := [row for row in rows if row["outbox_id"] not in states]:
        connection.execute(insert(outbox), fresh)
    for row in rows:
        if states.get(row["outbox_id"]) == OutboxState.CANCELLED.value:
            connection.execute(update(outbox).where(outbox.c.outbox_id == row["outbox_id"]), row)
    return ids


def _new_row(entry: Entry, seq: int, now: datetime) -> dict[str, Any]:
    action = entry.action
    outbox_id = prefixed("out", entry.adapter, action.action_id)
    # Pages do not wait for one another: only what changes a target has an order.
    ordered = action.effect is not EffectKind.PAGE
    return {
        "outbox_id": outbox_id,
        "action_id": action.action_id,
        "adapter": entry.adapter,
        "idempotency_key": action.action_id,
        "payload": _payload(action),
        "seq": seq,
        "order_key": target_key(action.target) if ordered else outbox_id,
        "state": (OutboxState.HELD if entry.held else OutboxState.PENDING).value,
        "created_at": now,
        "not_before": _due(action, now),
        "attempts": 0,
    }


def release(connection: Connection, action: Action, now: datetime) -> None:
    """Let a held action go, as it stands now and behind what was decided for its target meanwhile."""
    connection.execute(
        update(outbox)
        .where(outbox.c.action_id == action.action_id, outbox.c.state == OutboxState.HELD.value)
        .values(
            state=OutboxState.PENDING.value,
            payload=_payload(action),
            seq=_next_seq(connection),
            created_at=now,
            not_before=_due(action, now),
        )
    )


def claim(
    connection: Connection,
    now: datetime,
    worker: str,
    lease_until: datetime,
    limit: int,
    *,
    adapter: str | None = None,
    longest_pause: timedelta = timedelta(hours=2),
) -> list[OutboxRow]:
    """Take up to `limit` due rows (of one adapter) for `worker`, oldest decision first.

    Nobody else gets them before `lease_until`. A clock that was set back keeps nothing waiting: what was due when it
    was put in stays due, a pause longer than `longest_pause` is over, and so is a lease longer than two of these.
    """
    earlier = outbox.alias("earlier")
    waits_for_another = exists().where(
        earlier.c.order_key == outbox.c.order_key,
        earlier.c.state == OutboxState.PENDING.value,
        earlier.c.seq < outbox.c.seq,
    )
    due = (
        select(outbox.c.outbox_id)
        .where(_is_due(now, lease_until, longest_pause), ~waits_for_another)
        .order_by(outbox.c.seq)
        .limit(limit)
    )
    if adapter is not None:
        due = due.where(outbox.c.adapter == adapter)
    taken = [row.outbox_id for row in connection.execute(due)]
    mine = outbox.c.outbox_id.in_(taken)
    connection.execute(
        update(outbox).where(mine).values(leased_by=worker, leased_until=lease_until, attempts=outbox.c.attempts + 1)
    )
    return [_row(row) for row in connection.execute(select(outbox).where(mine).order_by(outbox.c.seq))]


def any_due(connection: Connection, now: datetime, lease_until: datetime, longest_pause: timedelta) -> bool:
    """Whether a claim could find something: to look often without writing."""
    query = select(outbox.c.outbox_id).where(_is_due(now, lease_until, longest_pause)).limit(1)
    return connection.execute(query).first() is not None


def _is_due(now: datetime, lease_until: datetime, longest_pause: timedelta) -> ColumnElement[bool]:
    longest_lease = lease_until + (lease_until - now)
    return and_(
        outbox.c.state == OutboxState.PENDING.value,
        (outbox.c.not_before <= now)
        | ((outbox.c.attempts == 0) & (outbox.c.not_before == outbox.c.created_at))
        | ((outbox.c.order_key == outbox.c.outbox_id) & (outbox.c.created_at > now))
        | ((outbox.c.attempts > 0) & (outbox.c.not_before > now + longest_pause)),
        outbox.c.leased_until.is_(None) | (outbox.c.leased_until <= now) | (outbox.c.leased_until > longest_lease),
    )


def done(connection: Connection, outbox_id: str, worker: str, at: datetime) -> bool:
    """The other side has it. False, changing nothing, when the lease was lost: whoever holds it now will say."""
    return _finish(connection, outbox_id, worker, state=OutboxState.DELIVERED.value, delivered_at=at, last_error=None)


def refused(connection: Connection, outbox_id: str, worker: str, error: str) -> bool:
    """The other side will never take it. False when the lease was lost."""
    return _finish(connection, outbox_id, worker, state=OutboxState.REFUSED.value, last_error=storable(error))


def retry(connection: Connection, outbox_id: str, worker: str, at: datetime, not_before: datetime, error: str) -> bool:
    """The other side did not answer as it should: again at `not_before`. False when the lease was lost."""
    return _finish(
        connection,
        outbox_id,
        worker,
        not_before=not_before,
        first_failed_at=func.coalesce(outbox.c.first_failed_at, at),
        last_error=storable(error),
    )


def give_back(connection: Connection, outbox_id: str, worker: str) -> bool:
    """Claimed but not tried (a stop, a full pool): due again at once, and not counted as an attempt."""
    return _finish(connection, outbox_id, worker, attempts=outbox.c.attempts - 1)


def postpone(connection: Connection, outbox_id: str, worker: str, until: datetime) -> bool:
    """Claimed, but it is to wait; not counted as an attempt."""
    return _finish(connection, outbox_id, worker, not_before=until, attempts=outbox.c.attempts - 1)


def cancel(connection: Connection, action_id: str, now: datetime) -> OutboxRow | None:
    """Keep an action from going out; returns the row as it was, None when it was final or is being delivered now.

    A row that was tried before may have arrived without our knowing: `attempts` tells.
    """
    row = of_action(connection, action_id)
    if row is None or row.state not in (OutboxState.HELD, OutboxState.PENDING) or is_leased(row, now):
        return None
    connection.execute(
        update(outbox).where(outbox.c.outbox_id == row.outbox_id).values(state=OutboxState.CANCELLED.value)
    )
    return row


def deliver_again(connection: Connection, action: Action, now: datetime) -> None:
    """Put out once more what was delivered before, under a new key: the other side must not take it for a repeat."""
    query = select(outbox.c.idempotency_key).where(outbox.c.action_id == action.action_id)
    _, _, number = str(connection.execute(query).scalar_one()).partition(".")
    key = f"{action.action_id}.{int(number or 1) + 1}"
    connection.execute(
        update(outbox)
        .where(outbox.c.action_id == action.action_id)
        .values(
            state=OutboxState.PENDING.value,
            idempotency_key=key,
            payload=_payload(action, key),
            seq=_next_seq(connection),
            created_at=now,
            not_before=now,
            attempts=0,
            leased_by=None,
            leased_until=None,
            first_failed_at=None,
            last_error=None,
            delivered_at=None,
        )
    )


def confirmed(connection: Connection, adapter: str) -> list[Action]:
    """Restricting effects in force that went out through the adapter, oldest first."""
    query = (
        select(actions)
        .join(outbox, outbox.c.action_id == actions.c.action_id)
        .where(
            outbox.c.adapter == adapter,
            actions.c.state == ActionState.CONFIRMED.value,
            actions.c.effect.in_([kind.value for kind in EffectKind if kind.restricts]),
        )
    )
    return [action_of(row) for row in connection.execute(query.order_by(actions.c.at, actions.c.action_id))]


def of_action(connection: Connection, action_id: str) -> OutboxRow | None:
    """The row of an action; None when nothing was to be delivered."""
    row = connection.execute(select(outbox).where(outbox.c.action_id == action_id)).one_or_none()
    return None if row is None else _row(row)


def of_actions(connection: Connection, action_ids: Sequence[str]) -> dict[str, OutboxRow]:
    """The rows of actions, by action."""
    found: dict[str, OutboxRow] = {}
    for start in range(0, len(action_ids), _CHUNK):
        query = select(outbox).where(outbox.c.action_id.in_(action_ids[start : start + _CHUNK]))
        found |= {row.action_id: _row(row) for row in connection.execute(query)}
    return found


def cancel_all(connection: Connection, outbox_ids: Sequence[str]) -> None:
    """Keep rows, read in this transaction as neither final nor leased, from going out."""
    for start in range(0, len(outbox_ids), _CHUNK):
        mine = outbox.c.outbox_id.in_(outbox_ids[start : start + _CHUNK])
        connection.execute(update(outbox).where(mine).values(state=OutboxState.CANCELLED.value))


def is_leased(row: OutboxRow, now: datetime) -> bool:
    """Somebody is delivering it at `now`."""
    return row.leased_until is not None and row.leased_until > now


def pending(connection: Connection, limit: int | None = 200, *, adapter: str | None = None) -> list[OutboxRow]:
    """Rows (of one adapter) not yet delivered, oldest decision first."""
    query = select(outbox).where(outbox.c.state == OutboxState.PENDING.value).order_by(outbox.c.seq).limit(limit)
    if adapter is not None:
        query = query.where(outbox.c.adapter == adapter)
    return [_row(row) for row in connection.execute(query)]


def pending_adapters(connection: Connection) -> list[str]:
    """Adapters that have something to deliver."""
    query = select(outbox.c.adapter).distinct().where(outbox.c.state == OutboxState.PENDING.value)
    return sorted(connection.execute(query).scalars())


def count_pending(connection: Connection, *, adapter: str | None = None) -> int:
    """Number of rows (of one adapter) not yet delivered."""
    query = select(func.count()).where(outbox.c.state == OutboxState.PENDING.value)
    if adapter is not None:
        query = query.where(outbox.c.adapter == adapter)
    return int(connection.execute(query).scalar_one())


def _finish(connection: Connection, outbox_id: str, worker: str, **values: Any) -> bool:
    done = connection.execute(
        update(outbox)
        .where(
            outbox.c.outbox_id == outbox_id,
            outbox.c.leased_by == worker,
            outbox.c.state == OutboxState.PENDING.value,
        )
        .values(leased_by=None, leased_until=None, **values)
    )
    return done.rowcount == 1


def _due(action: Action, now: datetime) -> datetime:
    return now if action.execute_at is None else max(now, action.execute_at)


def _next_seq(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(outbox.c.seq), 0))).scalar_one()) + 1


def _payload(action: Action, key: str | None = None) -> str:
    delivery = delivery_of(action)
    if key is not None:
        delivery = msgspec.structs.replace(delivery, idempotency_key=key)
    return msgspec.json.encode(delivery, order="sorted").decode()


def _row(row: Row[Any]) -> OutboxRow:
    return OutboxRow(
        outbox_id=row.outbox_id,
        action_id=row.action_id,
        adapter=row.adapter,
        delivery=msgspec.json.decode(row.payload, type=Delivery),
        state=OutboxState(row.state),
        created_at=row.created_at,
        not_before=row.not_before,
        attempts=row.attempts,
        first_failed_at=row.first_failed_at,
        leased_until=row.leased_until,
        leased_by=row.leased_by,
        last_error=row.last_error,
        delivered_at=row.delivered_at,
    )
