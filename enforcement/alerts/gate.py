"""What stands between a page that was decided and the person it wakes: silences, acknowledgements, and waiting for others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from enforcement.alerts.timing import Timing, goes_out_at, kept_by_acknowledgement, newest
from vigil.effect import ActionState
from vigil.record import actions, alerts, decisions, outbox, silences
from vigil.record.outbox import OutboxRow

FIRING = "firing"


def due_pages(
    connection: Connection, rows: Sequence[OutboxRow], worker: str, now: datetime, timing: Timing
) -> list[OutboxRow]:
    """Of claimed pages those that go out now. The others are put off, or kept with a reason that the record shows.

    One that was decided in the future goes out: the clock was set back, and nobody knows what it waited for.
    """
    silenced = silences.active(connection, now)
    groups: dict[str, list[OutboxRow]] = defaultdict(list)
    going: list[OutboxRow] = []
    for row in rows:
        page = row.delivery
        if page.parameters.get("status", FIRING) != FIRING or row.attempts > 1:
            going.append(row)  # that it is over, and what was tried before, waits for nothing
            continue
        alert = alerts.raised(connection, page, min(row.created_at, now))
        silence = silences.keeping(silenced, alerts.labels(page))
        if silence is not None:
            silences.note_used(connection, silence, now)
            until = silence.ends_at.isoformat(timespec="minutes")
            _keep(
                connection,
                row,
                worker,
                now,
                silence.author,
                f"silence: {silence.author} until {until}: {silence.reason}",
            )
        elif kept_by_acknowledgement(alert, str(page.parameters.get("severity", ""))):
            by = alert.acked_by or ""
            _keep(connection, row, worker, now, by, f"acknowledgement: {by} has taken it on")
        elif (due := goes_out_at(alert, row.created_at, timing)) > now >= row.created_at:
            outbox.postpone(connection, row.outbox_id, worker, due)
        else:
            groups[alert.alert_id].append(row)
    for waiting in groups.values():
        speaks = newest([(row.created_at, row.action_id) for row in waiting])
        for row in waiting:
            if row.action_id == speaks:
                going.append(row)
            else:
                _keep(connection, row, worker, now, "vigil", f"grouping: {speaks} speaks for it")
    return going


def _keep(connection: Connection, row: OutboxRow, worker: str, now: datetime, by: str, reason: str) -> None:
    outbox.give_back(connection, row.outbox_id, worker)
    outbox.cancel(connection, row.action_id, now)
    action = actions.get(connection, row.action_id)
    decisions.move(connection, action, ActionState.SUPPRESSED, now, by, "not_sent", {"reason": reason}, reason=reason)
