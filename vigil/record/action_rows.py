"""How an action becomes a row of the record and comes back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Row

from vigil.effect import Action, ActionState, EffectKind, StageVerdict, Target
from vigil.ids import digest
from vigil.record.incident_rows import storable
from vigil.signal import SubjectType

ON_DUTY = frozenset({ActionState.DISPATCHED, ActionState.CONFIRMED})
"""States in which a restricting effect counts as in force or on its way."""


@lru_cache(maxsize=65_536)
def target_key(target: Target) -> str:
    """What the record looks a target up by."""
    return digest(target.tenant_id, target.type.value, storable(target.id))


def duty_key(target: Target, effect: EffectKind) -> str:
    """What only one action at a time may hold: this kind of effect on this target."""
    return digest(target_key(target), effect.value)


def account_key(tenant_id: str, account_id: str) -> str:
    """The target key of an account."""
    return target_key(Target(SubjectType.ACCOUNT, account_id, tenant_id))


def org_key(tenant_id: str, org_id: str) -> str:
    """The target key of an organisation."""
    return target_key(Target(SubjectType.ORG, org_id, tenant_id))


def columns_of(action: Action) -> dict[str, Any]:
    """Values of a row of `actions`."""
    tenant = action.target.tenant_id
    return {
        "action_id": action.action_id,
        "at": action.at,
        "effect": action.effect.value,
        "parameters": _json(action.parameters),
        "tenant_id": tenant,
        "target_type": action.target.type.value,
        "target_id": storable(action.target.id),
        "target_key": target_key(action.target),
        "account_key": account_key(tenant, action.account_id) if action.account_id is not None else None,
        "org_key": org_key(tenant, action.org_id) if action.org_id is not None else None,
        "account_id": None if action.account_id is None else storable(action.account_id),
        "org_id": None if action.org_id is None else storable(action.org_id),
        "policy": action.policy,
        "policy_version": action.policy_version,
        "incident_id": action.incident_id,
        "state": action.state.value,
        "reason": storable(action.reason),
        "execute_at": action.execute_at,
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
        execute_at=row.execute_at,
        expires_at=row.expires_at,
        reverses=row.reverses,
        account_id=row.account_id,
        org_id=row.org_id,
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
