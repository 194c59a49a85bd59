"""One decision is one step: the action, its line in the ledger and, when something is to go out, its outbox row.

All inside the caller's `record.write()`, so none of the three exists without the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from vigil import metrics
from vigil.effect import Action, ActionState
from vigil.record import actions, ledger, outbox


class Decided(msgspec.Struct, frozen=True):
    """A decision, who made it, and which adapter delivers it when it is dispatched, now or after approval."""

    action: Action
    adapter: str
    actor: str


def decide(connection: Connection, decided: Action, adapter: str, actor: str) -> bool:
    """Store a decision; False, changing nothing, when the same decision was made before."""
    return bool(decide_all(connection, [Decided(decided, adapter, actor)], decided.at))


def decide_all(connection: Connection, decided: Sequence[Decided], now: datetime) -> list[Action]:
    """Store decisions made at `now`, in this order; returns those that were not made before. Ids must be distinct."""
    stored = actions.store_all(connection, [one.action for one in decided])
    ids = {action.action_id for action in stored}
    made = [one for one in decided if one.action.action_id in ids]
    out = [one for one in made if one.action.state in (ActionState.DISPATCHED, ActionState.HELD)]
    entries = [outbox.Entry(one.action, one.adapter, one.action.state is ActionState.HELD) for one in out]
    outbox.enqueue_all(connection, entries, now)
    ledger.write_lines(connection, now, [(one.actor, "decided", sealed(one.action)) for one in made])
    for action in stored:
        metrics.ACTIONS.labels(action.effect.value, action.state.value).inc()
    return stored


def move(
    connection: Connection,
    action: Action,
    to: ActionState,
    now: datetime,
    actor: str,
    entry_type: str,
    details: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Action:
    """Change an action's state and say so in the ledger. Raises IntegrityError when its state does not allow it."""
    changed = actions.change(connection, action, to, **fields)
    payload = {"action_id": action.action_id, "from": action.state, "to": to, **(details or {})}
    ledger.append(connection, now, actor, entry_type, payload)
    return changed


def sealed(action: Action) -> dict[str, Any]:
    """What the ledger keeps: all of the action, its facts as a hash (they stand in the action's row)."""
    fields = msgspec.structs.asdict(action)
    facts = msgspec.json.encode(fields.pop("facts"), order="sorted")
    for name in ("confirmed_at", "lifted_by", "lift_decided_at", "lifted_at"):
        del fields[name]
    return {**fields, "facts_sha256": hashlib.sha256(facts).hexdigest()}
