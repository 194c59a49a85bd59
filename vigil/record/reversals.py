"""Ending an effect: by its own time, or by a person, whose decision outranks every rule.

An effect that was never called out is simply withdrawn. One that was (or may have been: a call whose answer was
lost) is reversed by an action of its own, a `lift`, which goes out behind it and ends it when it is confirmed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from vigil.clock import Clock
from vigil.effect import Action, ActionState, EffectKind
from vigil.errors import UsageError
from vigil.ids import prefixed
from vigil.record import actions, decisions, ledger, outbox
from vigil.record.action_rows import ON_DUTY
from vigil.record.engine import Record


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
    before = actions.lifts_of(connection, action.action_id)
    on_the_way = [lift for lift in before if lift.state is ActionState.DISPATCHED]
    row = outbox.of_action(connection, action.action_id)
    if action.state is ActionState.DISPATCHED:
        # What has not gone out yet must not go out any more, and a lift must not wait behind it.
        cancelled = outbox.cancel(connection, action.action_id, now)
        if cancelled is not None and cancelled.attempts == 0 and not on_the_way:
            return decisions.move(
                connection,
                action,
                ActionState.LIFTED,
                now,
                by,
                "withdrawn",
                {"reason": reason},
                lifted_by=by,
                lift_decided_at=now,
                lifted_at=now,
            )
    if on_the_way:
        if by != actions.EXPIRY and action.lifted_by == actions.EXPIRY:
            # A person wants what time had decided already: from now on it is the person's word.
            actions.note_lift(connection, action, by, now)
            payload = {"action_id": action.action_id, "lift": on_the_way[-1].action_id, "reason": reason}
            ledger.append(connection, now, by, "lift_confirmed_by_person", payload)
        return on_the_way[-1]
    reversal = Action(
        action_id=prefixed("act", "lift", action.action_id, str(len(before))),
        at=now,
        effect=EffectKind.LIFT,
        parameters={"effect": action.effect.value},
        target=action.target,
        policy=action.policy,
        policy_version=action.policy_version,
        incident_id=action.incident_id,
        state=ActionState.DISPATCHED,
        reason=reason,
        reverses=action.action_id,
    )
    actions.note_lift(connection, action, by, now)
    decisions.decide(connection, reversal, row.adapter if row is not None else "log", by)
    return reversal
