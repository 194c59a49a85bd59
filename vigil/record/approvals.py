"""Held actions and the persons who decide on them. The two-person rule is kept here, in the record.

Whoever proposed an action cannot approve it, and nobody approves twice: one line a person and action.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select

from vigil.clock import Clock
from vigil.effect import Action, ActionState
from vigil.errors import UsageError
from vigil.record import actions, decisions, kill_switches, ledger, outbox
from vigil.record.action_rows import ON_DUTY
from vigil.record.engine import Record
from vigil.record.incident_rows import storable
from vigil.record.schema import approvals

PROPOSED, APPROVED, REJECTED = "proposed", "approved", "rejected"


class Approval(msgspec.Struct, frozen=True):
    """One person's word on one action: `proposed`, `approved` or `rejected`."""

    action_id: str
    actor: str
    verdict: str
    at: datetime
    note: str


def of_action(connection: Connection, action_id: str) -> list[Approval]:
    """Who said what, oldest first."""
    rows = connection.execute(select(approvals).where(approvals.c.action_id == action_id))
    return sorted(map(_approval, rows), key=lambda said: (said.at, said.verdict != PROPOSED, said.actor))


def note_proposer(connection: Connection, action_id: str, actor: str, at: datetime) -> None:
    """Remember who proposed a held action: a rule, or a person."""
    note_proposers(connection, {action_id: actor}, at)


def note_proposers(connection: Connection, proposers: Mapping[str, str], at: datetime) -> None:
    """Remember who proposed held actions. One that is held a second time has its proposer already."""
    wanted = dict(proposers)
    ids = list(wanted)
    for start in range(0, len(ids), 500):
        query = select(approvals.c.action_id).where(
            approvals.c.action_id.in_(ids[start : start + 500]), approvals.c.verdict == PROPOSED
        )
        for known in connection.execute(query).scalars():
            del wanted[known]
    if wanted:
        rows = [
            {"action_id": action_id, "actor": actor, "verdict": PROPOSED, "at": at, "note": ""}
            for action_id, actor in wanted.items()
        ]
        connection.execute(insert(approvals), rows)


def approve(record: Record, clock: Clock, action_id: str, actor: str, note: str = "") -> Action:
    """One person's yes. With the last one needed the action goes out, its duration counted from now.

    Returns the action as it stands. Raises UsageError when it is not held, when this person proposed it or has
    spoken already, when a kill switch is set, or when the same effect is in force meanwhile.
    """
    now = clock.now()
    with record.write() as connection:
        action = _held(connection, action_id)
        said = of_action(connection, action_id)
        _may_speak(said, actor)
        actions.as_person(actor)
        switch = kill_switches.stopping(kill_switches.active(connection, now), action.policy, action.target.tenant_id)
        if switch is not None:
            raise UsageError(f"{switch.owner} set kill switch {switch.switch_id} ({switch.reason}); release it first")
        _still_needed(connection, action)
        _write(connection, Approval(action_id, actor, APPROVED, now, note))
        yes = 1 + sum(1 for line in said if line.verdict == APPROVED)
        payload = {"action_id": action_id, "approvals": yes, "needed": action.approvals_needed, "note": note}
        ledger.append(connection, now, actor, "approved", payload)
        if yes < action.approvals_needed:
            return action
        # Held time does not count: the effect lasts as long as it would have, and waits as long as was drawn for it.
        expires_at = None if action.expires_at is None else now + (action.expires_at - action.at)
        execute_at = None if action.execute_at is None else now + (action.execute_at - action.at)
        names = ", ".join(sorted([actor, *(line.actor for line in said if line.verdict == APPROVED)]))
        released = decisions.move(
            connection,
            action,
            ActionState.DISPATCHED,
            now,
            actor,
            "released",
            at=now,
            expires_at=expires_at,
            execute_at=execute_at,
            reason=f"approval: {names} approved it",
        )
        outbox.release(connection, released, now)
        return released


def reject(record: Record, clock: Clock, action_id: str, actor: str, note: str) -> Action:
    """A person's no: the action is suppressed, and no rule proposes it again on the same evidence.

    Raises UsageError when it is not held or no reason is given.
    """
    if not note.strip():
        raise UsageError("a rejection needs a reason")
    actions.as_person(actor)
    now = clock.now()
    with record.write() as connection:
        action = _held(connection, action_id)
        if any(line.actor == actor and line.verdict == REJECTED for line in of_action(connection, action_id)):
            raise UsageError(f"{actor} has rejected action {action_id} already")
        outbox.cancel(connection, action_id, now)
        return decisions.move(
            connection,
            action,
            ActionState.SUPPRESSED,
            now,
            actor,
            "rejected",
            {"note": note},
            reason=f"approval: {actor} rejected it: {note.strip()}",
            lifted_by=actor,
            lift_decided_at=now,
        )


def _held(connection: Connection, action_id: str) -> Action:
    action = actions.get(connection, action_id)
    if action.state is not ActionState.HELD:
        raise UsageError(f"action {action_id} is {action.state.value}, not held: there is nothing to decide")
    return action


def _may_speak(said: list[Approval], actor: str) -> None:
    for line in said:
        if line.actor == actor and line.verdict == PROPOSED:
            raise UsageError(f"{actor} proposed this action; another person has to approve it")
        if line.actor == actor:
            raise UsageError(f"{actor} has {line.verdict} this action already; another person has to approve it")


def _still_needed(connection: Connection, action: Action) -> None:
    same = actions.list_actions(connection, target=action.target, states=ON_DUTY, effects=[action.effect])
    if same and action.effect.restricts:
        raise UsageError(
            f"{action.effect.value} is in force on {action.target.type.value} {action.target.id} already "
            f"({same[0].action_id}); approve it when that has ended, or reject it"
        )


def _write(connection: Connection, approval: Approval) -> None:
    columns = msgspec.structs.asdict(approval)
    connection.execute(insert(approvals), {**columns, "note": storable(approval.note)})


def _approval(row: Row[Any]) -> Approval:
    return Approval(row.action_id, row.actor, row.verdict, row.at, row.note)
