"""Undo: everything that a policy version, an incident, a ring or all rules did to an account is reversed, as if it had
not been decided: effects end, what was held is withdrawn, strikes no longer count, owners are told.

Undoing marks each action with the person who ended it. What is marked is not touched again, so undoing twice changes
nothing and an interrupted undo goes on where it stopped; nothing else is kept. Work goes in short transactions, so
that decisions and deliveries run beside it. What a person ended before stays that person's decision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, or_, select

from enforcement.pages import SYSTEM
from enforcement.proposal import NOTICE_UNDONE
from vigil.clock import Clock
from vigil.effect import Action, ActionState, EffectKind, Target
from vigil.errors import UsageError
from vigil.ids import prefixed
from vigil.record import Record, decisions, incidents, ledger, outbox, reversals
from vigil.record.action_rows import ON_DUTY, account_key, action_of, org_key, target_key
from vigil.record.actions import EXPIRY, as_person, lifts_of_all
from vigil.record.actions import end_all as store_ends
from vigil.record.schema import actions
from vigil.record.schema import incidents as incident_table
from vigil.signal import IncidentKind, SubjectRole, SubjectType

BATCH = 500
"""Actions undone in one transaction."""

_RESTRICTING = [kind.value for kind in EffectKind if kind.restricts]


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What is undone: all that every given field says together. At least one of the first five is given."""

    policy: str | None = None
    version: str | None = None
    """Of `policy`; None: all its versions."""
    incident_id: str | None = None
    """With what was merged into it."""
    ring: str | None = None
    """A `coordinated_ring` incident: all that ring incidents did to any of its members."""
    target: Target | None = None
    """A principal and, for an account or organisation, the keys and end users that belong to it."""
    since: datetime | None = None
    until: datetime | None = None
    """Decided before this."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What an undo would do."""

    ends: int
    """Effects in force, or on their way, that end."""
    withdrawn: int
    """Decisions that wait for a person and are withdrawn."""
    strikes: int
    """Effects that are over or happened once, and no longer count."""
    notices: int
    """Owners' notices that go out."""
    principals: int
    by_effect: Mapping[str, int]
    actions: Sequence[Action]
    """Oldest first."""

    @property
    def total(self) -> int:
        """Actions that would change."""
        return len(self.actions)


class Undone(msgspec.Struct, frozen=True, kw_only=True):
    """What an undo did in this run; an earlier run that was interrupted is not counted."""

    undo_id: str
    actions: int
    lifts: int
    withdrawn: int
    strikes: int
    notices: int


def preview(connection: Connection, selection: Selection, now: datetime) -> Preview:
    """What undoing the selection would do at `now`. Raises UsageError when the selection names nothing."""
    found = _waiting(connection, _condition(connection, selection, now), None)
    kinds = Counter(_what(action) for action in found)
    return Preview(
        ends=kinds["end"],
        withdrawn=kinds["withdraw"],
        strikes=kinds["void"],
        notices=kinds["end"] + kinds["void"],
        principals=len({target_key(action.target) for action in found}),
        by_effect=dict(Counter(action.effect.value for action in found)),
        actions=found,
    )


def undo(record: Record, clock: Clock, selection: Selection, actor: str, reason: str, *, batch: int = BATCH) -> Undone:
    """Reverse everything the selection names that was decided up to now.

    Idempotent and resumable: call it again after a crash. Raises UsageError without a reason or a person, or when the
    selection names nothing.
    """
    if not reason.strip():
        raise UsageError("an undo needs a reason: the ledger and the owners will ask for it")
    as_person(actor)
    begun = clock.now()
    undo_id = prefixed("undo", msgspec.json.encode(selection).decode(), actor, begun.isoformat())
    done: Counter[str] = Counter()
    with record.read() as connection:
        condition = _condition(connection, selection, begun)
    while True:
        with record.write() as connection:
            waiting = _waiting(connection, condition, batch)
            if waiting and not done:
                payload = {"undo_id": undo_id, "selection": selection, "reason": reason}
                ledger.append(connection, begun, actor, "undo_begun", payload)
            if not waiting:
                if done:
                    payload = {"undo_id": undo_id, "actions": done["actions"], "reason": reason}
                    ledger.append(connection, clock.now(), actor, "undo_finished", payload)
                break
            _reverse(connection, waiting, clock.now(), actor, f"{actor} undid it: {reason.strip()}", undo_id, done)
    return Undone(
        undo_id=undo_id,
        actions=done["actions"],
        lifts=done["lifts"],
        withdrawn=done["withdrawn"],
        strikes=done["strikes"],
        notices=done["notices"],
    )


def reverse(connection: Connection, chosen: Sequence[Action], now: datetime, actor: str, reason: str) -> None:
    """Undo these actions inside the caller's transaction; what needs no undoing is left alone."""
    fresh = [action for action in chosen if _what(action) is not None]
    _reverse(connection, fresh, now, actor, reason, prefixed("undo", actor, reason), Counter())


def _reverse(
    connection: Connection,
    waiting: Sequence[Action],
    now: datetime,
    actor: str,
    reason: str,
    undo_id: str,
    done: Counter[str],
) -> None:
    groups: dict[str | None, list[Action]] = {"end": [], "withdraw": [], "void": []}
    for action in waiting:
        groups[_what(action)].append(action)
    notice = {"notice": NOTICE_UNDONE, "reason": "undone", "undo_id": undo_id}
    # A lift that time decided is on its way already: it becomes the person's, and its owner is told apart from it.
    lifts = lifts_of_all(connection, [action.action_id for action in groups["end"]])
    told_apart = [
        action
        for action in groups["end"]
        if any(lift.state is ActionState.DISPATCHED for lift in lifts.get(action.action_id, ()))
    ]
    ended = reversals.end_all(connection, groups["end"], now, actor, reason, notice)
    _withdraw(connection, groups["withdraw"], now, actor, reason, undo_id)
    _void(connection, groups["void"], now, actor, reason, undo_id)
    told = [*told_apart, *groups["void"]]
    tell_owners(connection, told, now, actor, reason, notice)
    done["actions"] += len(waiting)
    done["lifts"] += sum(1 for action in ended if action.effect is EffectKind.LIFT)
    done["withdrawn"] += len(groups["withdraw"]) + sum(1 for a in ended if a.effect is not EffectKind.LIFT)
    done["strikes"] += len(groups["void"])
    done["notices"] += len(groups["end"]) + len(groups["void"])


def _what(action: Action) -> str | None:
    """How the action is undone; None when there is nothing to undo."""
    if action.lifted_by not in (None, EXPIRY):
        return None
    if action.state is ActionState.HELD:
        return "withdraw"
    if action.effect.restricts:
        if action.state in ON_DUTY:
            return "end"
        return "void" if action.state is ActionState.LIFTED else None
    if action.effect is EffectKind.NOTIFY_OWNER and action.policy_version and action.state in ON_DUTY:
        return "withdraw" if action.state is ActionState.DISPATCHED else "void"
    return None


def _withdraw(
    connection: Connection, held: Sequence[Action], now: datetime, actor: str, reason: str, undo_id: str
) -> None:
    rows = outbox.of_actions(connection, [action.action_id for action in held])
    outbox.cancel_all(connection, [row.outbox_id for row in rows.values() if not outbox.is_leased(row, now)])
    for action in held:
        decisions.move(
            connection,
            action,
            ActionState.SUPPRESSED,
            now,
            actor,
            "undone",
            {"undo_id": undo_id, "reason": reason},
            reason=reason,
            lifted_by=actor,
            lift_decided_at=now,
        )


def _void(connection: Connection, over: Sequence[Action], now: datetime, actor: str, reason: str, undo_id: str) -> None:
    """What is over stays over, but is no strike any more."""
    store_ends(connection, [msgspec.structs.replace(action, lifted_by=actor, lift_decided_at=now) for action in over])
    lines = [
        (actor, "strike_removed", {"action_id": action.action_id, "undo_id": undo_id, "reason": reason})
        for action in over
    ]
    ledger.write_lines(connection, now, lines)


def tell_owners(
    connection: Connection,
    told: Sequence[Action],
    now: datetime,
    actor: str,
    reason: str,
    notice: Mapping[str, Any],
) -> None:
    """Send a notice about actions to the owners of their targets, each notice about an action once."""
    rows = outbox.of_actions(connection, [action.action_id for action in told])
    made = [
        decisions.Decided(
            Action(
                action_id=prefixed("act", str(notice["notice"]), action.action_id),
                at=now,
                effect=EffectKind.NOTIFY_OWNER,
                parameters={**notice, "effect": action.effect.value, "about": action.action_id},
                target=action.target,
                policy=SYSTEM,  # no policy decided it: it is no strike, and undoing does not undo it
                policy_version="",
                incident_id=action.incident_id,
                state=ActionState.DISPATCHED,
                reason=reason,
                account_id=action.account_id,
                org_id=action.org_id,
            ),
            rows[action.action_id].adapter if action.action_id in rows else "log",
            actor,
        )
        for action in told
    ]
    decisions.decide_all(connection, made, now)


def _waiting(connection: Connection, condition: ColumnElement[bool], limit: int | None) -> list[Action]:
    query = select(actions).where(condition, _TO_UNDO).order_by(actions.c.at, actions.c.action_id).limit(limit)
    return [action_of(row) for row in connection.execute(query)]


_TO_UNDO = and_(
    or_(actions.c.lifted_by.is_(None), actions.c.lifted_by == EXPIRY),
    or_(
        actions.c.state == ActionState.HELD.value,
        and_(
            actions.c.effect.in_(_RESTRICTING),
            actions.c.state.in_([*(state.value for state in ON_DUTY), ActionState.LIFTED.value]),
        ),
        and_(
            actions.c.effect == EffectKind.NOTIFY_OWNER.value,
            actions.c.policy_version != "",
            actions.c.state.in_([state.value for state in ON_DUTY]),
        ),
    ),
)
"""`_what` is not None, in SQL."""


def _condition(connection: Connection, selection: Selection, now: datetime) -> ColumnElement[bool]:
    """What the selection says, as it stands at `now`: nothing that is decided later is undone."""
    if selection.version is not None and selection.policy is None:
        raise UsageError("a version is one of a policy: name the policy as well")
    parts: list[ColumnElement[bool]] = []
    if selection.policy is not None:
        parts.append(actions.c.policy == selection.policy)
    if selection.version is not None:
        parts.append(actions.c.policy_version == selection.version)
    if selection.incident_id is not None:
        parts.append(actions.c.incident_id.in_(_with_merged(connection, selection.incident_id)))
    if selection.ring is not None:
        parts.append(_of_ring(connection, selection.ring))
    if selection.target is not None:
        parts.append(_of_principal(selection.target))
    if not parts:
        raise UsageError("say what to undo: a policy, an incident, a ring or an account")
    if selection.since is not None:
        parts.append(actions.c.at >= selection.since)
    parts.append(actions.c.at < selection.until if selection.until is not None else actions.c.at <= now)
    return and_(*parts)


def _with_merged(connection: Connection, incident_id: str) -> list[str]:
    incidents.get(connection, incident_id)  # names it when there is none
    found, new = [incident_id], [incident_id]
    while new:
        query = select(incident_table.c.incident_id).where(incident_table.c.merged_into.in_(new))
        new = [name for name in connection.execute(query).scalars() if name not in found]
        found += new
    return found


def _of_ring(connection: Connection, incident_id: str) -> ColumnElement[bool]:
    incident = incidents.get(connection, incident_id)
    if incident.kind is not IncidentKind.COORDINATED_RING:
        raise UsageError(f"incident {incident_id} is a {incident.kind.value}, not a ring; undo it by --incident")
    keys = [
        target_key(Target(subject.type, subject.id, incident.tenant_id))
        for subject in incident.subjects
        if subject.role is SubjectRole.OFFENDER
    ]
    rings = select(incident_table.c.incident_id).where(incident_table.c.kind == IncidentKind.COORDINATED_RING.value)
    return and_(actions.c.target_key.in_(keys), actions.c.incident_id.in_(rings))


def _of_principal(target: Target) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [actions.c.target_key == target_key(target)]
    if target.type is SubjectType.ACCOUNT:
        parts.append(actions.c.account_key == account_key(target.tenant_id, target.id))
    if target.type is SubjectType.ORG:
        parts.append(actions.c.org_key == org_key(target.tenant_id, target.id))
    return or_(*parts)
