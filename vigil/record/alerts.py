"""Alerts: for each receiver and group of pages, what was sent, who took it on, and whether it is over.

A group is an incident, or one trouble of vigil itself. Functions run inside the caller's transaction unless they take
the record.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from vigil.clock import Clock
from vigil.delivery import Delivery
from vigil.errors import UsageError
from vigil.ids import prefixed
from vigil.record import ledger
from vigil.record.actions import as_person
from vigil.record.engine import Record
from vigil.record.incident_rows import storable
from vigil.record.schema import alerts


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert. `notified_at` None: no page of it went out yet."""

    alert_id: str
    receiver: str
    group_key: str
    tenant_id: str
    incident_id: str | None
    severity: str
    title: str
    policy: str
    opened_at: datetime
    notified_at: datetime | None = None
    notifications: int = 0
    escalated: int = 0
    acked_by: str | None = None
    acked_at: datetime | None = None
    resolved_at: datetime | None = None


def labels(page: Delivery) -> dict[str, str]:
    """What a silence can match of a page."""
    parameters = page.parameters
    return {
        "receiver": str(parameters.get("receiver", "")),
        "severity": str(parameters.get("severity", "")),
        "tenant": page.target.tenant_id,
        "incident": page.incident_id or "",
        "policy": page.policy,
        "title": str(parameters.get("title", "")),
    }


def group_of(page: Delivery) -> str:
    """What the page is about: pages of one group and receiver go out together."""
    return str(page.parameters.get("group") or page.incident_id or page.action_id)


def alert_id_of(page: Delivery) -> str:
    """The alert that a page belongs to."""
    return prefixed("alr", str(page.parameters.get("receiver", "")), group_of(page))


def find(connection: Connection, alert_id: str) -> Alert | None:
    """The alert of that id; None when there is none."""
    row = connection.execute(select(alerts).where(alerts.c.alert_id == alert_id)).one_or_none()
    return None if row is None else _alert(row)


def open_alerts(connection: Connection, limit: int | None = 1_000) -> list[Alert]:
    """Alerts that are not over, oldest first."""
    query = select(alerts).where(alerts.c.resolved_at.is_(None)).order_by(alerts.c.opened_at, alerts.c.alert_id)
    return [_alert(row) for row in connection.execute(query.limit(limit))]


def raised(connection: Connection, page: Delivery, now: datetime) -> Alert:
    """The alert of a page that is to go out: opened now, opened again when it was over, else as it is."""
    alert_id = alert_id_of(page)
    before = find(connection, alert_id)
    if before is not None and before.resolved_at is None:
        return before
    values: dict[str, Any] = {
        "receiver": str(page.parameters.get("receiver", "")),
        "group_key": group_of(page),
        "tenant_id": page.target.tenant_id,
        "incident_id": page.incident_id,
        "severity": str(page.parameters.get("severity", "")),
        "title": storable(str(page.parameters.get("title", ""))),
        "policy": page.policy,
        "opened_at": now,
        "notified_at": None,
        "notifications": 0,
        "escalated": 0,
        "acked_by": None,
        "acked_at": None,
        "resolved_at": None,
    }
    if before is None:
        connection.execute(insert(alerts).values(alert_id=alert_id, **values))
    else:
        connection.execute(update(alerts).where(alerts.c.alert_id == alert_id).values(**values))
    return Alert(alert_id=alert_id, **values)


def note_sent(connection: Connection, page: Delivery, now: datetime) -> None:
    """A page of the alert went out."""
    alert = raised(connection, page, now)
    values = {
        "severity": str(page.parameters.get("severity", "")),
        "title": storable(str(page.parameters.get("title", ""))),
    }
    _set(connection, alert, notified_at=now, notifications=alert.notifications + 1, **values)


def note_escalated(connection: Connection, alert: Alert) -> None:
    """The next receiver of the escalation is called in."""
    _set(connection, alert, escalated=alert.escalated + 1)


def note_over(connection: Connection, alert: Alert, now: datetime) -> None:
    """What it is about has ended."""
    _set(connection, alert, resolved_at=now)


def acknowledge(record: Record, clock: Clock, alert_id: str, actor: str, note: str = "") -> Alert:
    """A person takes it on: no repeats and no escalation from now on, to any receiver of the group.

    Raises UsageError when there is no open alert of that id.
    """
    as_person(actor)
    now = clock.now()
    with record.write() as connection:
        alert = find(connection, alert_id)
        if alert is None or alert.resolved_at is not None:
            raise UsageError(f"there is no open alert {alert_id}; `vigil alerts list` shows those there are")
        if alert.acked_by is not None:
            raise UsageError(f"{alert.acked_by} has acknowledged it already")
        mine = alerts.c.group_key == alert.group_key
        connection.execute(
            update(alerts).where(mine, alerts.c.resolved_at.is_(None)).values(acked_by=actor, acked_at=now)
        )
        ledger.append(connection, now, actor, "alert_acknowledged", {"alert_id": alert_id, "note": note})
        return msgspec.structs.replace(alert, acked_by=actor, acked_at=now)


def _set(connection: Connection, alert: Alert, **values: Any) -> None:
    connection.execute(update(alerts).where(alerts.c.alert_id == alert.alert_id).values(**values))


def _alert(row: Row[Any]) -> Alert:
    return Alert(**row._asdict())
