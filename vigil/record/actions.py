"""Actions in the record: what was decided on whom, and where each decision stands.

Functions run inside the caller's transaction. Nothing here decides; `enforcement` does, and people do through
`vigil.record.approvals` and `vigil.record.reversals`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, bindparam, func, insert, select, update

from vigil.effect import Action, ActionState, EffectKind, Target
from vigil.errors import IntegrityError, UsageError
from vigil.record.action_rows import ON_DUTY, action_of, columns_of, target_key
from vigil.record.schema import actions
from vigil.signal import SubjectType

EXPIRY = "expiry"
"""`lifted_by` of an effect whose time was over; anything else is a person."""

_D, _C, _H = ActionState.DISPATCHED, ActionState.CONFIRMED, ActionState.HELD
_SUPPRESSED, _SHADOW = ActionState.SUPPRESSED, ActionState.SHADOW
_FAILED, _LIFTED = ActionState.FAILED, ActionState.LIFTED

TRANSITIONS: dict[ActionState, frozenset[ActionState]] = {
    # Not done at first; a later look at the same incident may decide otherwise.
    _SHADOW: frozenset({_H, _D}),
    _SUPPRESSED: frozenset({_H, _D}),
    _H: frozenset({_D, _SUPPRESSED}),
    # Withdrawn before it was delivered: by a kill switch (suppressed), by a person or its own end (lifted).
    _D: frozenset({_C, _FAILED, _SUPPRESSED, _LIFTED}),
    # Delivered again when the other side lost it.
    _C: frozenset({_LIFTED, _D}),
    _FAILED: frozenset(),
    _LIFTED: frozenset(),
}
"""Legal changes of state; everything else is refused."""

_NOT_DONE = frozenset({_SHADOW, _SUPPRESSED})
_RESTRICTING = tuple(kind.value for kind in EffectKind if kind.restricts)
_IMPOSED = tuple(state.value for state in (_D, _C, _LIFTED))


def as_person(actor: str) -> str:
    """`actor`, when it can be a person. Raises UsageError for the names of rules and of the service itself."""
    if not actor.strip() or actor in (EXPIRY, "vigil") or actor.startswith("policy:"):
        raise UsageError(f"{actor!r} is not a person's name; say who decides")
    return actor


def get(connection: Connection, action_id: str) -> Action:
    """The action. Raises UsageError when there is none of that id."""
    row = connection.execute(select(actions).where(actions.c.action_id == action_id)).one_or_none()
    if row is None:
        raise UsageError(f"there is no action {action_id}; `vigil actions list` shows those there are")
    return action_of(row)


def find(connection: Connection, action_ids: Collection[str]) -> dict[str, Action]:
    """Those of the actions that exist, by id."""
    found = _actions(connection, select(actions).where(actions.c.action_id.in_(action_ids)))
    return {action.action_id: action for action in found}


def list_actions(
    connection: Connection,
    *,
    incident_id: str | None = None,
    target: Target | None = None,
    states: Collection[ActionState] | None = None,
    effects: Collection[EffectKind] | None = None,
    policy: str | None = None,
    tenant: str | None = None,
    since: datetime | None = None,
    limit: int | None = 200,
) -> list[Action]:
    """Actions, newest decision first. `since` is about `at`."""
    query = select(actions)
    if incident_id is not None:
        query = query.where(actions.c.incident_id == incident_id)
    if target is not None:
        query = query.where(actions.c.target_key == target_key(target))
    if states is not None:
        query = query.where(actions.c.state.in_([state.value for state in states]))
    if effects is not None:
        query = query.where(actions.c.effect.in_([effect.value for effect in effects]))
    if policy is not None:
        query = query.where(actions.c.policy == policy)
    if tenant is not None:
        query = query.where(actions.c.tenant_id == tenant)
    if since is not None:
        query = query.where(actions.c.at >= since)
    return _actions(connection, query.order_by(actions.c.at.desc(), actions.c.action_id).limit(limit))


def of_incidents(connection: Connection, incident_ids: Sequence[str]) -> dict[str, list[Action]]:
    """All actions because of these incidents, by incident, newest first."""
    found: dict[str, list[Action]] = defaultdict(list)
    for chunk in _chunks(incident_ids):
        query = select(actions).where(actions.c.incident_id.in_(chunk))
        for row in connection.execute(query.order_by(actions.c.at.desc(), actions.c.action_id)):
            found[row.incident_id].append(action_of(row))
    return found


def in_force(
    connection: Connection, tenant_id: str, subject_type: SubjectType, subject_id: str, now: datetime
) -> list[Action]:
    """Restricting effects on a principal that are on their way (`dispatched`) or confirmed, and not over at `now`."""
    query = select(actions).where(
        actions.c.target_key == target_key(Target(subject_type, subject_id, tenant_id)),
        actions.c.effect.in_(_RESTRICTING),
        actions.c.state.in_([state.value for state in ON_DUTY]),
        actions.c.expires_at.is_(None) | (actions.c.expires_at > now),
    )
    return _actions(connection, query.order_by(actions.c.at, actions.c.action_id))


def histories(connection: Connection, targets: Iterable[Target], since: datetime) -> dict[str, list[Action]]:
    """By target key: effects on each target that were imposed since then or are in force, and those on which a person
    ruled since then (lifted or rejected); oldest first."""
    keys = sorted({target_key(target) for target in targets})
    query = select(actions).where(
        actions.c.target_key.in_(keys),
        actions.c.effect.not_in([EffectKind.PAGE.value, EffectKind.LIFT.value]),
        actions.c.state.in_(_IMPOSED) | actions.c.lifted_by.is_not(None),
        (actions.c.at >= since) | actions.c.duty_key.is_not(None) | (actions.c.lift_decided_at >= since),
    )
    found: dict[str, list[Action]] = defaultdict(list)
    for row in connection.execute(query.order_by(actions.c.at, actions.c.action_id)):
        found[row.target_key].append(action_of(row))
    return found


def count_imposed(connection: Connection, policy: str, tenant_id: str, since: datetime) -> int:
    """Restricting effects that the policy imposed on principals of the tenant since then, ended ones too."""
    query = select(func.count()).where(*_by_policy(policy, tenant_id), actions.c.state.in_(_IMPOSED))
    return int(connection.execute(query.where(actions.c.at >= since)).scalar_one())


def counts_imposed(connection: Connection, policies: Sequence[str], since: datetime) -> dict[tuple[str, str], int]:
    """By policy and tenant: restricting effects that these policies imposed since then, ended ones too."""
    found: dict[tuple[str, str], int] = {}
    for chunk in _chunks(policies):
        query = (
            select(actions.c.policy, actions.c.tenant_id, func.count().label("imposed"))
            .where(
                actions.c.policy.in_(chunk),
                actions.c.at >= since,
                actions.c.effect.in_(_RESTRICTING),
                actions.c.state.in_(_IMPOSED),
            )
            .group_by(actions.c.policy, actions.c.tenant_id)
        )
        found |= {(row.policy, row.tenant_id): row.imposed for row in connection.execute(query)}
    return found


def targets_in_force(connection: Connection, policy: str, tenant_id: str) -> set[Target]:
    """Principals of the tenant on whom the policy has a restricting effect in force or on its way."""
    query = select(actions.c.target_type, actions.c.target_id).distinct()
    on_duty = actions.c.state.in_([state.value for state in ON_DUTY])
    rows = connection.execute(query.where(*_by_policy(policy, tenant_id), on_duty))
    return {Target(SubjectType(row.target_type), row.target_id, tenant_id) for row in rows}


def due_to_lift(connection: Connection, now: datetime, limit: int) -> list[Action]:
    """Restricting effects whose time is over and whose end nobody has decided yet, longest overdue first."""
    query = select(actions).where(
        actions.c.state.in_([state.value for state in ON_DUTY]),
        actions.c.expires_at <= now,
        actions.c.effect.in_(_RESTRICTING),
        actions.c.lifted_by.is_(None),
    )
    return _actions(connection, query.order_by(actions.c.expires_at, actions.c.action_id).limit(limit))


def overdue(connection: Connection, deadline: datetime) -> list[Action]:
    """Restricting effects that should have ended before `deadline` and are in force still, longest overdue first."""
    query = select(actions).where(
        actions.c.state.in_([state.value for state in ON_DUTY]),
        actions.c.expires_at < deadline,
        actions.c.effect.in_(_RESTRICTING),
    )
    return _actions(connection, query.order_by(actions.c.expires_at, actions.c.action_id))


def lifts_of(connection: Connection, action_id: str) -> list[Action]:
    """Actions that reverse this one, oldest first."""
    query = select(actions).where(actions.c.reverses == action_id)
    return _actions(connection, query.order_by(actions.c.at, actions.c.action_id))


def lifts_of_all(connection: Connection, action_ids: Sequence[str]) -> dict[str, list[Action]]:
    """Actions that reverse these, by what they reverse, oldest first."""
    found: dict[str, list[Action]] = defaultdict(list)
    for chunk in _chunks(action_ids):
        query = select(actions).where(actions.c.reverses.in_(chunk)).order_by(actions.c.at, actions.c.action_id)
        for row in connection.execute(query):
            found[row.reverses].append(action_of(row))
    return found


def store(connection: Connection, decided: Action) -> bool:
    """Store a decision; False, changing nothing, when the same one was stored before.

    A decision that was only recorded (`shadow`, `suppressed`) is overtaken by the same one made for real, unless a
    person rejected it.
    """
    return bool(store_all(connection, [decided]))


def store_all(connection: Connection, decided: Sequence[Action]) -> list[Action]:
    """Store decisions, each as `store`; returns those that were stored. No two may have the same id."""
    stands = _standing(connection, [action.action_id for action in decided])
    fresh = [action for action in decided if action.action_id not in stands]
    if fresh:
        connection.execute(insert(actions), [columns_of(action) for action in fresh])
    stored = {action.action_id for action in fresh}
    for action in decided:
        if action.action_id not in stands:
            continue
        state, lifted_by = stands[action.action_id]
        if state in _NOT_DONE and lifted_by is None and action.state in TRANSITIONS[state]:
            _overwrite(connection, action)
            stored.add(action.action_id)
    return [action for action in decided if action.action_id in stored]


def _standing(connection: Connection, action_ids: Sequence[str]) -> dict[str, tuple[ActionState, str | None]]:
    found: dict[str, tuple[ActionState, str | None]] = {}
    for chunk in _chunks(action_ids):
        query = select(actions.c.action_id, actions.c.state, actions.c.lifted_by).where(actions.c.action_id.in_(chunk))
        found |= {row.action_id: (ActionState(row.state), row.lifted_by) for row in connection.execute(query)}
    return found


def may_be_overtaken(action: Action) -> bool:
    """Whether the same decision may still be made for real: it was only recorded so far, and not by a person."""
    return action.state in _NOT_DONE and action.lifted_by is None


def change(connection: Connection, action: Action, to: ActionState, **fields: Any) -> Action:
    """Move an action, read in this transaction, to another state; `fields` change along. Returns it as it stands.

    Raises IntegrityError when its state does not allow that.
    """
    if to not in TRANSITIONS[action.state]:
        raise IntegrityError(f"action {action.action_id} is {action.state.value} and cannot become {to.value}")
    changed = msgspec.structs.replace(action, state=to, **fields)
    _overwrite(connection, changed)
    return changed


def end_all(connection: Connection, ended: Sequence[Action]) -> None:
    """Store the end of effects: only state, `lifted_by`, `lift_decided_at` and `lifted_at` are written."""
    rows = [
        {
            "key": action.action_id,
            "state": action.state.value,
            "lifted_by": action.lifted_by,
            "lift_decided_at": action.lift_decided_at,
            "lifted_at": action.lifted_at,
            "duty_key": columns_of(action)["duty_key"],
        }
        for action in ended
    ]
    if rows:
        connection.execute(update(actions).where(actions.c.action_id == bindparam("key")), rows)


def note_lift(connection: Connection, action: Action, lifted_by: str, at: datetime) -> Action:
    """The end of the effect is decided; it stays in force until the other side confirms."""
    changed = msgspec.structs.replace(action, lifted_by=lifted_by, lift_decided_at=at)
    _overwrite(connection, changed)
    return changed


def counts(connection: Connection, since: datetime | None = None) -> Mapping[tuple[str, str], int]:
    """Number of actions by (effect, state)."""
    query = select(actions.c.effect, actions.c.state, func.count()).group_by(actions.c.effect, actions.c.state)
    if since is not None:
        query = query.where(actions.c.at >= since)
    return {(effect, state): number for effect, state, number in connection.execute(query)}


def _chunks(values: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """Databases limit the parameters of one statement."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _overwrite(connection: Connection, action: Action) -> None:
    columns = columns_of(action)
    key = columns.pop("action_id")
    connection.execute(update(actions).where(actions.c.action_id == key), columns)


def _by_policy(policy: str, tenant_id: str) -> tuple[Any, ...]:
    return actions.c.policy == policy, actions.c.tenant_id == tenant_id, actions.c.effect.in_(_RESTRICTING)


def _actions(connection: Connection, query: Select[Any]) -> list[Action]:
    return [action_of(row) for row in connection.execute(query)]
