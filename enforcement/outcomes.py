"""What becomes of an action once the other side has answered, or has not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from enforcement import pages
from enforcement.alerts.gate import FIRING
from enforcement.containment import contain_if_covered, incidents_about
from enforcement.spans import is_simulated
from vigil.clock import Clock
from vigil.effect import Action, ActionState, EffectKind, Target
from vigil.log import get_logger
from vigil.record import actions, alerts, decisions, ledger, outbox
from vigil.record.action_rows import ON_DUTY
from vigil.record.outbox import OutboxRow

PAGE_AFTER = timedelta(minutes=5)
"""Real time that an outside system may be away before somebody is paged."""

_LOG = get_logger("dispatch")


class Outcomes:
    """Writes outcomes, each inside the transaction that finishes the outbox row."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def delivered(self, connection: Connection, row: OutboxRow, detail: str, now: datetime) -> Target | None:
        """It is in force: the action is confirmed, and what it reverses is lifted. Returns whom it restricts."""
        action = actions.get(connection, row.action_id)
        details = {"adapter": row.adapter, "attempts": row.attempts, "detail": detail}
        decisions.move(
            connection, action, ActionState.CONFIRMED, now, pages.SYSTEM, "confirmed", details, confirmed_at=now
        )
        is_firing = action.parameters.get("status", FIRING) == FIRING
        if action.effect is EffectKind.PAGE and is_firing and not is_simulated(self._clock):
            alerts.note_sent(connection, row.delivery, now)
        if action.effect is EffectKind.LIFT and action.reverses is not None:
            original = actions.find(connection, [action.reverses]).get(action.reverses)
            if original is not None and original.state in ON_DUTY:
                decisions.move(
                    connection,
                    original,
                    ActionState.LIFTED,
                    now,
                    original.lifted_by or pages.SYSTEM,
                    "lifted",
                    {"lift": action.action_id},
                    lifted_at=now,
                )
        return action.target if action.effect.restricts else None

    def contain(self, connection: Connection, restricted: Iterable[Target], now: datetime) -> None:
        """At the end of the transaction: incidents about those who were restricted in it may be contained."""
        about = {incident_id for target in restricted for incident_id in incidents_about(connection, target)}
        for incident_id in sorted(about):
            contain_if_covered(connection, incident_id, now)

    def refused(self, connection: Connection, row: OutboxRow, reason: str, now: datetime) -> None:
        """It will never be in force: the action has failed, and a person has to look."""
        action = actions.get(connection, row.action_id)
        details = {"adapter": row.adapter, "attempts": row.attempts, "detail": reason}
        decisions.move(
            connection,
            action,
            ActionState.FAILED,
            now,
            pages.SYSTEM,
            "failed",
            details,
            reason=f"{row.adapter} refused it: {reason}",
        )
        self._drop_lifts(connection, action, now)
        if row.adapter == pages.ADAPTER:
            _LOG.error("a page was refused", action=row.action_id, reason=reason)
            return
        name = f"{action.target.type.value} {action.target.id}"
        if action.effect is EffectKind.LIFT:
            undone = action.parameters.get("effect")
            what = f"{row.adapter} refused to lift {undone} from {name}: {reason}. It may still be restricted."
            do_now = f"check {name} at the gateway, mend it, then `vigil actions lift {action.reverses}` again"
        else:
            what = f"{row.adapter} refused to {action.effect.value} {name}: {reason}. It is not restricted by this."
            do_now = (
                f"check whether {name} exists at the gateway; `vigil actions show {action.action_id}` tells the rest"
            )
        pages.warn(
            connection,
            now,
            key=("refused", row.adapter, action.policy, action.incident_id or action.action_id, action.effect.value),
            target=action.target,
            title=f"{row.adapter} refuses {action.effect.value} on {name}",
            what=what,
            who=f"{name} in tenant {action.target.tenant_id}, by policy {action.policy}",
            how_sure="certain: it is the other side's own answer",
            done=f"asked {row.attempts} time(s); it will not be asked again",
            do_now=do_now,
            incident_id=action.incident_id,
        )

    def unreachable(self, connection: Connection, row: OutboxRow, reason: str, now: datetime) -> None:
        """It is tried again; whoever is on call hears of it when it lasts."""
        action = actions.get(connection, row.action_id)
        if action.lifted_by is not None and action.effect.restricts:
            # It is to end already: only its lift goes out, in case a call arrived after all.
            outbox.cancel(connection, row.action_id, now)
        since = row.first_failed_at or now
        if self._clock.real_seconds(now - since) < PAGE_AFTER.total_seconds():
            return
        if row.adapter == pages.ADAPTER:
            _LOG.error("pages cannot be delivered", since=since.isoformat(), reason=reason)
            return
        waiting = outbox.count_pending(connection, adapter=row.adapter)
        paged = pages.warn(
            connection,
            now,
            key=("unreachable", row.adapter),
            target=action.target,
            title=f"{row.adapter} has not taken effects since {since.strftime('%H:%M UTC')}",
            what=f"{waiting} effect(s) wait for {row.adapter}; the last answer: {reason}. They are tried again by themselves.",
            who=f"everybody whom {row.adapter} is to restrict or to lift",
            since=since,
            done="every effect is kept and tried again, at most every 15 minutes",
            do_now=f"check that {row.adapter} is up and takes vigil's key or signature; then `vigil dispatch` tries at once",
            repeats=True,
        )
        if paged:
            payload = {"adapter": row.adapter, "action_id": row.action_id, "since": since, "reason": reason}
            ledger.append(connection, now, pages.SYSTEM, "unreachable", payload)

    def _drop_lifts(self, connection: Connection, action: Action, now: datetime) -> None:
        """What was refused needs no lift."""
        for lift in actions.lifts_of(connection, action.action_id):
            if lift.state is ActionState.DISPATCHED and outbox.cancel(connection, lift.action_id, now) is not None:
                reason = "what it reverses was refused and never in force"
                decisions.move(connection, lift, ActionState.SUPPRESSED, now, pages.SYSTEM, "withdrawn", reason=reason)
