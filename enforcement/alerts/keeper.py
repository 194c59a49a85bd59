"""Keeps alerts up to date: repeats what nobody took on, calls in the next person, and says when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from enforcement import pages
from enforcement.alerts.timing import Timing, is_due_again, next_receiver
from enforcement.spans import is_simulated
from vigil.clock import Clock
from vigil.effect import Action, ActionState, EffectKind
from vigil.ids import prefixed
from vigil.incident import Incident, IncidentState
from vigil.record import Record, actions, alerts, decisions, incidents, outbox, silences
from vigil.record.alerts import Alert
from vigil.settings import EnforcementSettings

_OVER = frozenset({IncidentState.RESOLVED, IncidentState.DISMISSED})
_NEEDS_SOMEBODY = frozenset({IncidentState.OPEN})


class AlertKeeper:
    """Looks at every open alert. On a simulated clock nobody sleeps, and nothing is done."""

    def __init__(self, record: Record, clock: Clock, settings: EnforcementSettings) -> None:
        self._record = record
        self._clock = clock
        self._timing = Timing.of(settings)

    def run_once(self) -> int:
        """One look; returns the number of pages put out."""
        if is_simulated(self._clock):
            return 0
        now, paged = self._clock.now(), 0
        with self._record.read() as connection:
            if not alerts.open_alerts(connection, 1):
                return 0
        with self._record.write() as connection:
            silenced = silences.active(connection, now)
            busy = {alerts.alert_id_of(row.delivery) for row in outbox.pending(connection, None, adapter=pages.ADAPTER)}
            for alert in alerts.open_alerts(connection):
                is_kept = silences.keeping(silenced, _labels(alert)) is not None
                paged += self._look(connection, alert, now, may_page=not is_kept and alert.alert_id not in busy)
        return paged

    def _look(self, connection: Connection, alert: Alert, now: datetime, *, may_page: bool) -> int:
        if alert.group_key != alert.incident_id:
            # A trouble of vigil itself pages again by itself while it lasts; one that has not for long is over.
            if now - (alert.notified_at or alert.opened_at) > 2 * self._timing.repeat_interval:
                alerts.note_over(connection, alert, now)
            return self._call_next(connection, alert, None, now) if may_page else 0
        incident = incidents.get(connection, alert.incident_id)
        if incident.state in _OVER or incident.merged_into is not None:
            alerts.note_over(connection, alert, now)
            return self._say_it_is_over(connection, alert, incident, now)
        if incident.state not in _NEEDS_SOMEBODY or not may_page:
            return 0
        called = self._call_next(connection, alert, incident, now)
        if is_due_again(alert, now, self._timing):
            reason = "repeat: nobody has taken it on"
            turn = ("repeat", str(alert.notifications), alert.opened_at.isoformat(), now.isoformat())
            return called + _page(connection, alert, incident, alert.receiver, now, reason, turn)
        return called

    def _call_next(self, connection: Connection, alert: Alert, incident: Incident | None, now: datetime) -> int:
        receiver = next_receiver(alert, now, self._timing)
        if receiver is None:
            return 0
        alerts.note_escalated(connection, alert)
        reason = f"escalation: {alert.receiver} did not answer"
        turn = ("escalation", str(alert.escalated), alert.opened_at.isoformat())
        return _page(connection, alert, incident, receiver, now, reason, turn)

    @staticmethod
    def _say_it_is_over(connection: Connection, alert: Alert, incident: Incident, now: datetime) -> int:
        if alert.notified_at is None:
            return 0
        turn = ("over", alert.opened_at.isoformat())
        reason = f"over: the incident is {incident.state.value}"
        return _page(connection, alert, incident, alert.receiver, now, reason, turn, status="resolved")


def _page(
    connection: Connection,
    alert: Alert,
    incident: Incident | None,
    receiver: str,
    now: datetime,
    reason: str,
    turn: Sequence[str],
    status: str = "firing",
) -> int:
    """Put out one more page of an alert; 0 when the same was put out before."""
    done: Sequence[Action] = ()
    if incident is not None:
        done = actions.list_actions(connection, incident_id=incident.incident_id, limit=None)
        text = f"Now: {reason}\n{pages.incident_text(incident, done, now)}"
    else:
        text = pages.trouble_text(
            alert.title,
            since=alert.opened_at,
            do_now=f"`vigil alerts ack {alert.alert_id}`, then see the first page of it",
        )
    target = pages.target_of(incident) if incident is not None else pages.itself(alert.tenant_id)
    page = Action(
        action_id=prefixed("act", "page", receiver, alert.alert_id, *turn),
        at=now,
        effect=EffectKind.PAGE,
        parameters={
            "receiver": receiver,
            "severity": alert.severity,
            "status": status,
            "group": alert.group_key,
            "title": alert.title if status == "firing" else f"over: {alert.title}",
            "text": text,
        },
        target=target,
        policy=alert.policy,
        policy_version="",
        incident_id=alert.incident_id,
        state=ActionState.DISPATCHED,
        reason=reason,
    )
    return int(decisions.decide(connection, page, pages.ADAPTER, pages.SYSTEM))


def _labels(alert: Alert) -> dict[str, str]:
    return {
        "receiver": alert.receiver,
        "severity": alert.severity,
        "tenant": alert.tenant_id,
        "incident": alert.incident_id or "",
        "policy": alert.policy,
        "title": alert.title,
    }
