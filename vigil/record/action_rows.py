"""How an action becomes a row of the record and comes back."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row

from vigil.effect import Action, ActionState, EffectKind, StageVerdict, Target
from vigil.ids import digest
from vigil.record.incident_rows import storable
from vigil.signal import SubjectType

ON_DUTY = frozenset({ActionState.DISPATCHED, ActionState.CONFIRMED})
"""States in which a restricting effect counts as in force or on its way."""


def target_key(target: Target) -> str:
    """What the record looks a target up by."""
    return digest(target.tenant_id, target.type.value, storable(target.id))


def duty_key(target: Target, effect: EffectKind) -> str:
    """What only one action at a time may hold: this kind of effect on this target."""
    return digest(target_key(target), effect.value)


def columns_of(action: Action) -> dict[str, Any]:
    """Values of a row of `actions`."""
    return {
        "action_id": action.action_id,
        "at": action.at,
        "effect": action.effect.value,
        "parameters": _json(action.parameters),
        "tenant_id": action.target.tenant_id,
        "target_type": action.target.type.value,
        "target_id": storable(action.target.id),
        "target_key": target_key(action.target),
        "policy": action.policy,
        "policy_version": action.policy_version,
        "incident_id": action.incident_id,
        "state": action.state.value,
        "reason": storable(action.reason),
        "expires_at": action.expires_at,
        "reverses": action.reverses,
        "trace": _json(action.trace),
        "facts": _json(action.facts),
        "approvals_needed": action.approvals_needed,
        "confirmed_at": action.confirmed_at,
        "lifted_by": action.lifted_by,
        "lift_decided_at": action.lift_decided_at,
        "lifted_at": action.lifted_at,
        "duty_key": duty_key(action.target, action.effect)
        if action.effect.restricts and action.state in ON_DUTY
        else None,
    }


def action_of(row: Row[Any]) -> Action:
    """The action in a row of `actions`."""
    return Action(
        action_id=row.action_id,
        at=row.at,
        effect=EffectKind(row.effect),
        parameters=msgspec.json.decode(row.parameters),
        target=Target(SubjectType(row.target_type), row.target_id, row.tenant_id),
        policy=row.policy,
        policy_version=row.policy_version,
        incident_id=row.incident_id,
        state=ActionState(row.state),
        reason=row.reason,
        expires_at=row.expires_at,
        reverses=row.reverses,
        trace=msgspec.json.decode(row.trace, type=tuple[StageVerdict, ...]),
        facts=msgspec.json.decode(row.facts),
        approvals_needed=row.approvals_needed,
        confirmed_at=row.confirmed_at,
        lifted_by=row.lifted_by,
        lift_decided_at=row.lift_decided_at,
        lifted_at=row.lifted_at,
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
