"""Ending an effect: by its own time, or by a person, whose decision outranks every rule.

An effect that was never called out is simply withdrawn. One that was (or may have been: a call whose answer was
lost) is reversed by an action of its own, a `lift`, which goes out behind it and ends it when it is confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from vigil.clock import Clock
from vigil.effect import Action, ActionState, EffectKind
from vigil.errors import UsageError
from vigil.ids import prefixed
from vigil.record import actions, decisions, ledger, outbox
from vigil.record.action_rows import ON_DUTY
from vigil.record.engine import Record

_WAITING = (outbox.OutboxState.HELD, outbox.OutboxState.PENDING)


def lift(record: Record, clock: Clock, action_id: str, actor: str, reason: str) -> Action:
    """A person ends an effect. Returns the lift, or the action itself when it could still be withdrawn.

    Lifting again what is being lifted gives the same lift. Raises UsageError when there is nothing to lift or no reason.
    """
    if not reason.strip():
        raise UsageError("a lift needs a reason: the ledger and the owner will ask for it")
    actions.as_person(actor)
    with record.write() as connection:
        action = actions.get(connection, action_id)
        if not action.effect.restricts:
            raise UsageError(f"{action.effect.value} restricts nothing, so there is nothing to lift")
        if action.state not in ON_DUTY:
            hint = "; `vigil actions reject` refuses it" if action.state is ActionState.HELD else ""
            raise UsageError(f"action {action_id} is {action.state.value}, not in force{hint}")
        return end(connection, action, clock.now(), actor, f"{actor} lifted it: {reason.strip()}")


def end(connection: Connection, action: Action, now: datetime, by: str, reason: str) -> Action:
    """Decide that a restricting effect, dispatched or confirmed, ends. Idempotent while its lift is on the way.

    Returns the action, now `lifted`, when it had not been called out; else the lift that was put into the outbox.
    """
    return end_all(connection, [action], now, by, reason)[0]


def end_all(
    connection: Connection,
    ending: Sequence[Action],
    now: datetime,
    by: str,
    reason: str,
    parameters: Mapping[str, Any] | None = None,
) -> list[Action]:
    """Decide that effects end, each as `end`, with a few statements for all of them; no two may be the same.

    `parameters` go out with each lift, e.g. the notice that its owner gets.
    """
    ids = [action.action_id for action in ending]
    before = actions.lifts_of_all(connection, ids)
    rows = outbox.of_actions(connection, ids)
    ended: list[Action] = []
    lifts: list[decisions.Decided] = []
    cancelled: list[str] = []
    lines: list[tuple[str, str, Mapping[str, Any]]] = []
    results: list[Action] = []
    for action in ending:
        row, earlier = rows.get(action.action_id), before.get(action.action_id, [])
        on_the_way = [lift for lift in earlier if lift.state is ActionState.DISPATCHED]
        waiting = row is not None and row.state in _WAITING and not outbox.is_leased(row, now)
        if action.state is ActionState.DISPATCHED and row is not None and waiting:
            # What has not gone out yet must not go out any more, and a lift must not wait behind it.
            cancelled.append(row.outbox_id)
            if row.attempts == 0 and not on_the_way:
                withdrawn = msgspec.structs.replace(
                    action, state=ActionState.LIFTED, lifted_by=by, lift_decided_at=now, lifted_at=now
                )
                payload = {"action_id": action.action_id, "from": action.state, "to": ActionState.LIFTED}
                lines.append((by, "withdrawn", {**payload, "reason": reason}))
                ended.append(withdrawn)
                results.append(withdrawn)
                continue
        if on_the_way:
            if by != actions.EXPIRY and action.lifted_by == actions.EXPIRY:
                # A person wants what time had decided already: from now on it is the person's word.
                ended.append(msgspec.structs.replace(action, lifted_by=by, lift_decided_at=now))
                payload = {"action_id": action.action_id, "lift": on_the_way[-1].action_id, "reason": reason}
                lines.append((by, "lift_confirmed_by_person", payload))
            results.append(on_the_way[-1])
            continue
        lift = _lift_of(action, len(earlier), now, reason, parameters or {})
        ended.append(msgspec.structs.replace(action, lifted_by=by, lift_decided_at=now))
        lifts.append(decisions.Decided(lift, row.adapter if row is not None else "log", by))
        results.append(lift)
    outbox.cancel_all(connection, cancelled)
    actions.end_all(connection, ended)
    ledger.write_lines(connection, now, lines)
    decisions.decide_all(connection, lifts, now)
    return results


def _lift_of(action: Action, number: int, now: datetime, reason: str, parameters: Mapping[str, Any]) -> Action:
    return Action(
        action_id=prefixed("act", "lift", action.action_id, str(number)),
        at=now,
        effect=EffectKind.LIFT,
        parameters={"effect": action.effect.value, **parameters},
        target=action.target,
        policy=action.policy,
        policy_version=action.policy_version,
        incident_id=action.incident_id,
        state=ActionState.DISPATCHED,
        reason=reason,
        reverses=action.action_id,
        account_id=action.account_id,
        org_id=action.org_id,
    )
