"""Actions as the console lists them: what waits for a person first, and what is in force on whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, case, func, or_, select

from vigil.effect import Action, ActionState, EffectKind, Target
from vigil.record.action_rows import ON_DUTY, action_of, target_key
from vigil.record.approvals import Approval
from vigil.record.schema import actions, approvals
from vigil.signal import SubjectType

# What waits for a person first, then what is under way, then what is over.
STATE_ORDER = (
    ActionState.HELD,
    ActionState.FAILED,
    ActionState.DISPATCHED,
    ActionState.CONFIRMED,
    ActionState.SHADOW,
    ActionState.SUPPRESSED,
    ActionState.LIFTED,
)

_RESTRICTING = [effect.value for effect in EffectKind if effect.restricts]
_ON_DUTY = [state.value for state in ON_DUTY]


def list_actions(
    connection: Connection,
    *,
    states: Collection[ActionState] = (),
    incident_id: str | None = None,
    target: Target | None = None,
    text: str = "",
    limit: int = 200,
) -> list[Action]:
    """Actions, held ones first, then newest first. `text` is part of a target's id, a policy or an action id."""
    query = select(actions)
    if states:
        query = query.where(actions.c.state.in_([state.value for state in states]))
    if incident_id is not None:
        query = query.where(actions.c.incident_id == incident_id)
    if target is not None:
        query = query.where(actions.c.target_key == target_key(target))
    if text := text.strip():
        columns = (actions.c.target_id, actions.c.policy, actions.c.action_id)
        query = query.where(or_(*(column.icontains(text, autoescape=True) for column in columns)))
    # Two groups only: sorting further by state would bury what is new.
    waits = case((actions.c.state == ActionState.HELD.value, 0), else_=1)
    query = query.order_by(waits, actions.c.at.desc(), actions.c.action_id).limit(limit)
    return [action_of(row) for row in connection.execute(query)]


def counts_by_state(connection: Connection) -> dict[ActionState, int]:
    """How many actions stand where, in `STATE_ORDER`."""
    rows = connection.execute(select(actions.c.state, func.count()).group_by(actions.c.state))
    found = {ActionState(state): number for state, number in rows}
    return {state: found.get(state, 0) for state in STATE_ORDER}


def is_in_force(action: Action, now: datetime) -> bool:
    """Restricts its target at this moment: on its way or confirmed, and its time is not over."""
    return (
        action.effect.restricts and action.state in ON_DUTY and (action.expires_at is None or action.expires_at > now)
    )


def can_be_lifted(action: Action, now: datetime) -> bool:
    """In force, and nobody has decided its end yet."""
    return is_in_force(action, now) and action.lifted_by is None


def in_force_on(connection: Connection, targets: Iterable[Target], now: datetime) -> Mapping[str, list[Action]]:
    """Restricting effects in force at `now` by target key, oldest first."""
    query = select(actions).where(
        actions.c.target_key.in_(sorted({target_key(target) for target in targets})),
        actions.c.effect.in_(_RESTRICTING),
        actions.c.state.in_(_ON_DUTY),
        actions.c.expires_at.is_(None) | (actions.c.expires_at > now),
    )
    found: dict[str, list[Action]] = {}
    for row in connection.execute(query.order_by(actions.c.at, actions.c.action_id)):
        found.setdefault(row.target_key, []).append(action_of(row))
    return found


def approvals_on(connection: Connection, found: Collection[Action]) -> Mapping[str, list[Approval]]:
    """What people have said about the held ones among `found`, by action id, oldest first."""
    held = [action.action_id for action in found if action.state is ActionState.HELD]
    if not held:
        return {}
    said: dict[str, list[Approval]] = {}
    query = select(approvals).where(approvals.c.action_id.in_(held)).order_by(approvals.c.at, approvals.c.actor)
    for row in connection.execute(query):
        said.setdefault(row.action_id, []).append(Approval(row.action_id, row.actor, row.verdict, row.at, row.note))
    return said


def restricted_accounts(connection: Connection, now: datetime, limit: int = 100) -> list[tuple[str, str]]:
    """(tenant, account) of accounts with an effect in force, the latest first."""
    latest = func.max(actions.c.at)
    query = (
        select(actions.c.tenant_id, actions.c.target_id)
        .where(
            actions.c.target_type == SubjectType.ACCOUNT.value,
            actions.c.effect.in_(_RESTRICTING),
            actions.c.state.in_(_ON_DUTY),
            actions.c.expires_at.is_(None) | (actions.c.expires_at > now),
        )
        .group_by(actions.c.tenant_id, actions.c.target_id)
        .order_by(latest.desc(), actions.c.target_id)
        .limit(limit)
    )
    return [(tenant, account) for tenant, account in connection.execute(query)]
