"""Job runs in the record: one for each job and scheduled time, whoever starts it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from vigil.record.schema import job_runs

MAX_DETAIL = 2_000


class Outcome(enum.Enum):
    """`late`: it passed its deadline, finished or not."""

    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    LATE = "late"


class JobRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run as the record has it."""

    job: str
    scheduled_for: datetime
    started_at: datetime
    finished_at: datetime | None
    outcome: Outcome
    detail: str


def claim(connection: Connection, job: str, scheduled_for: datetime, at: datetime) -> bool:
    """Start the run, in a `record.write()`; False when it was started before, here or elsewhere."""
    known = select(job_runs.c.job).where(job_runs.c.job == job, job_runs.c.scheduled_for == scheduled_for)
    if connection.execute(known).first() is not None:
        return False
    connection.execute(
        insert(job_runs).values(
            job=job, scheduled_for=scheduled_for, started_at=at, outcome=Outcome.RUNNING.value, detail=""
        )
    )
    return True


def finish(
    connection: Connection, job: str, scheduled_for: datetime, outcome: Outcome, detail: str, at: datetime | None
) -> None:
    """Write how the run went. `at` None: it passed its deadline and still runs."""
    text = detail if len(detail) <= MAX_DETAIL else detail[: MAX_DETAIL - 1] + "…"
    connection.execute(
        update(job_runs)
        .where(job_runs.c.job == job, job_runs.c.scheduled_for == scheduled_for)
        .values(finished_at=at, outcome=outcome.value, detail=text.replace("\x00", "\N{REPLACEMENT CHARACTER}"))
    )


def last_runs(connection: Connection) -> Mapping[str, JobRun]:
    """The newest run of each job, by name."""
    newest = select(job_runs.c.job, func.max(job_runs.c.scheduled_for).label("newest")).group_by(job_runs.c.job)
    latest = newest.subquery()
    query = select(job_runs).join(
        latest, (job_runs.c.job == latest.c.job) & (job_runs.c.scheduled_for == latest.c.newest)
    )
    return {
        row.job: JobRun(
            job=row.job,
            scheduled_for=row.scheduled_for,
            started_at=row.started_at,
            finished_at=row.finished_at,
            outcome=Outcome(row.outcome),
            detail=row.detail,
        )
        for row in connection.execute(query)
    }
