"""One decision is one step: the action, its line in the ledger and, when something is to go out, its outbox row.

All inside the caller's `record.write()`, so none of the three exists without the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from vigil import metrics
from vigil.effect import Action, ActionState
from vigil.record import actions, ledger, outbox


def decide(connection: Connection, decided: Action, adapter: str, actor: str) -> bool:
    """Store a decision; `adapter` delivers it when it is dispatched, now or after approval.

    False, changing nothing, when the same decision was made before.
    """
    if not actions.store(connection, decided):
        return False
    if decided.state in (ActionState.DISPATCHED, ActionState.HELD):
        outbox.enqueue(connection, decided, adapter, decided.at, held=decided.state is ActionState.HELD)
    ledger.append(connection, decided.at, actor, "decided", _sealed(decided))
    metrics.ACTIONS.labels(decided.effect.value, decided.state.value).inc()
    return True


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


def _sealed(action: Action) -> dict[str, Any]:
    """What the ledger keeps: all of the action, its facts as a hash (they stand in the action's row)."""
    fields = msgspec.to_builtins(action)
    facts = msgspec.json.encode(fields.pop("facts"), order="sorted")
    for name in ("confirmed_at", "lifted_by", "lift_decided_at", "lifted_at"):
        del fields[name]
    return {**fields, "facts_sha256": hashlib.sha256(facts).hexdigest()}
