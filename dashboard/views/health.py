"""Whether vigil itself is well: what comes in, what was refused, and what ran."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, case, func, select

from dashboard.views.reading import read
from vigil.record.action_rows import ON_DUTY
from vigil.record.schema import actions, detector_runs, job_runs, outbox, signals
from vigil.warehouse import Warehouse

LATE_LIFT = timedelta(minutes=1)
"""A timed effect that is not lifted by then has been forgotten."""


class DetectorHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A detector's last run, and its last 24 hours. `rows_seen` counts telemetry rows of the last run."""

    detector: str
    version: str
    window_end: datetime
    started_at: datetime
    seconds: float
    rows_seen: int
    error: str | None
    runs: int
    failures: int
    signals: int
    slowest_s: float


class JobHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A job's last run, and its last 24 hours."""

    job: str
    scheduled_for: datetime
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    detail: str
    runs: int
    failures: int


class SourceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What a source sent. Counts are calls."""

    tenant_id: str
    source: str
    last_seen: datetime
    calls_10min: int
    calls_hour: int
    calls_day: int


class DeadLetterGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Events of the last 24 hours refused for one reason."""

    error_class: str
    count: int
    last_at: datetime
    example: str
    origins: tuple[str, ...]


class Backlog(msgspec.Struct, frozen=True):
    """Work that waits in the record."""

    outbox_pending: int
    outbox_oldest: datetime | None
    outbox_refused: int
    uncorrelated: int
    overdue_lifts: int


class Intake(msgspec.Struct, frozen=True):
    """What has come in lately."""

    last_received: datetime | None
    calls_10min: int
    calls_hour: int
    dead_day: int


def detectors(connection: Connection, now: datetime) -> list[DetectorHealth]:
    """One entry a detector that ran within 24 hours: failing ones first."""
    since = now - timedelta(days=1)
    recent = detector_runs.c.started_at >= since
    totals = {
        row.detector: row
        for row in connection.execute(
            select(
                detector_runs.c.detector,
                func.count().label("runs"),
                func.sum(case((detector_runs.c.error.is_not(None), 1), else_=0)).label("failures"),
                func.sum(detector_runs.c.signals).label("signals"),
                func.max(detector_runs.c.seconds).label("slowest"),
                func.max(detector_runs.c.window_end).label("last"),
            )
            .where(recent)
            .group_by(detector_runs.c.detector)
        )
    }
    last_ends = (
        select(detector_runs.c.detector, func.max(detector_runs.c.window_end).label("last"))
        .where(recent)
        .group_by(detector_runs.c.detector)
        .subquery()
    )
    last_runs = connection.execute(
        select(detector_runs).join(
            last_ends,
            (detector_runs.c.detector == last_ends.c.detector) & (detector_runs.c.window_end == last_ends.c.last),
        )
    )
    found = [
        DetectorHealth(
            detector=row.detector,
            version=row.version,
            window_end=row.window_end,
            started_at=row.started_at,
            seconds=row.seconds,
            rows_seen=row.rows_seen,
            error=row.error,
            runs=totals[row.detector].runs,
            failures=int(totals[row.detector].failures),
            signals=int(totals[row.detector].signals),
            slowest_s=totals[row.detector].slowest,
        )
        for row in last_runs
    ]
    return sorted(found, key=lambda health: (health.error is None, -health.failures, health.detector))


def jobs(connection: Connection, now: datetime) -> list[JobHealth]:
    """One entry a job that ran within 24 hours: failing ones first."""
    recent = job_runs.c.started_at >= now - timedelta(days=1)
    failed = func.sum(case((job_runs.c.outcome.in_(["failed", "late"]), 1), else_=0))
    totals = {
        row.job: row
        for row in connection.execute(
            select(job_runs.c.job, func.count().label("runs"), failed.label("failures"))
            .where(recent)
            .group_by(job_runs.c.job)
        )
    }
    last = (
        select(job_runs.c.job, func.max(job_runs.c.scheduled_for).label("last"))
        .where(recent)
        .group_by(job_runs.c.job)
        .subquery()
    )
    rows = connection.execute(
        select(job_runs).join(last, (job_runs.c.job == last.c.job) & (job_runs.c.scheduled_for == last.c.last))
    )
    found = [
        JobHealth(
            job=row.job,
            scheduled_for=row.scheduled_for,
            started_at=row.started_at,
            finished_at=row.finished_at,
            outcome=row.outcome,
            detail=row.detail,
            runs=totals[row.job].runs,
            failures=int(totals[row.job].failures),
        )
        for row in rows
    ]
    return sorted(found, key=lambda health: (health.outcome in ("ok", "running"), -health.failures, health.job))


def backlog(connection: Connection, now: datetime) -> Backlog:
    """Work that waits in the record."""
    pending, oldest = connection.execute(
        select(func.count(), func.min(outbox.c.created_at)).where(outbox.c.state == "pending")
    ).one()
    return Backlog(
        outbox_pending=pending,
        outbox_oldest=oldest,
        outbox_refused=_count(connection, outbox.c.state == "refused", outbox),
        uncorrelated=_count(connection, signals.c.incident_id.is_(None), signals),
        overdue_lifts=_count(
            connection,
            actions.c.state.in_([state.value for state in ON_DUTY]) & (actions.c.expires_at < now - LATE_LIFT),
            actions,
        ),
    )


def intake(warehouse: Warehouse, now: datetime) -> Intake:
    """What has come in lately."""
    ten, hour = read(
        warehouse,
        """
        SELECT sumIf(calls, minute > {ten:DateTime64(6, 'UTC')}), sum(calls)
        FROM source_minutes WHERE minute > {hour:DateTime64(6, 'UTC')} AND minute <= {now:DateTime64(6, 'UTC')}
        """,
        {"now": now, "ten": now - timedelta(minutes=10), "hour": now - timedelta(hours=1)},
    )[0]
    dead = read(
        warehouse,
        "SELECT count() FROM dead_letters WHERE at > {day:DateTime64(6, 'UTC')}",
        {"day": now - timedelta(days=1)},
    )[0][0]
    return Intake(_last_received(warehouse, now), ten, hour, dead)


def _last_received(warehouse: Warehouse, now: datetime) -> datetime | None:
    """When the last event arrived; None when none of a day did.

    This is asked every few seconds: only when the last minutes are silent does it read a day of events.
    """
    for span in (timedelta(minutes=10), timedelta(days=1)):
        [(received, number)] = read(
            warehouse,
            "SELECT max(received_at), count() FROM events WHERE event_time > {since:DateTime64(6, 'UTC')}",
            {"since": now - span},
        )
        if number:
            moment: datetime = received
            return moment
    return None


def sources(warehouse: Warehouse, now: datetime, limit: int = 100) -> list[SourceHealth]:
    """Sources of the last 7 days, the ones longest silent first."""
    rows = read(
        warehouse,
        """
        SELECT tenant_id, source, max(minute) AS last,
               sumIf(calls, minute > {ten:DateTime64(6, 'UTC')}), sumIf(calls, minute > {hour:DateTime64(6, 'UTC')}),
               sumIf(calls, minute > {day:DateTime64(6, 'UTC')})
        FROM source_minutes
        WHERE minute > {week:DateTime64(6, 'UTC')} AND minute <= {now:DateTime64(6, 'UTC')}
        GROUP BY tenant_id, source ORDER BY last, tenant_id, source LIMIT {rows:UInt32}
        """,
        {
            "now": now,
            "ten": now - timedelta(minutes=10),
            "hour": now - timedelta(hours=1),
            "day": now - timedelta(days=1),
            "week": now - timedelta(days=7),
            "rows": limit,
        },
    )
    return [
        SourceHealth(
            tenant_id=row[0],
            source=row[1],
            last_seen=row[2],
            calls_10min=row[3],
            calls_hour=row[4],
            calls_day=row[5],
        )
        for row in rows
    ]


def dead_letters(warehouse: Warehouse, now: datetime, limit: int = 50) -> list[DeadLetterGroup]:
    """Refused events of the last 24 hours by reason, the most frequent first. The raw bytes are not read."""
    rows = read(
        warehouse,
        """
        SELECT error_class, count() AS number, max(at), argMax(reason, at),
               arraySlice(groupUniqArray(if(kafka_topic != '', kafka_topic, file)), 1, 5)
        FROM dead_letters WHERE at > {day:DateTime64(6, 'UTC')}
        GROUP BY error_class ORDER BY number DESC, error_class LIMIT {rows:UInt32}
        """,
        {"day": now - timedelta(days=1), "rows": limit},
    )
    return [
        DeadLetterGroup(error_class=row[0], count=row[1], last_at=row[2], example=row[3], origins=tuple(row[4]))
        for row in rows
    ]


def _count(connection: Connection, condition: object, table: object) -> int:
    query = select(func.count()).select_from(table).where(condition)  # type: ignore[arg-type]
    number: int = connection.execute(query).scalar_one()
    return number
