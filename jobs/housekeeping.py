"""Keeping the record small: what nobody needs any more is deleted."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from jobs.loop import Loop
from vigil.record.schema import detector_runs, job_runs

KEEP_JOB_RUNS = timedelta(days=2)
KEEP_DETECTOR_RUNS = timedelta(days=30)


def clean(loop: Loop) -> str:
    """Delete old job runs and detector runs. The newest run of a job that stopped long ago goes too."""
    now = loop.clock.now()
    with loop.record.write() as connection:
        jobs = connection.execute(delete(job_runs).where(job_runs.c.started_at < now - KEEP_JOB_RUNS))
        runs = connection.execute(delete(detector_runs).where(detector_runs.c.started_at < now - KEEP_DETECTOR_RUNS))
    return f"{jobs.rowcount} job runs and {runs.rowcount} detector runs deleted"
