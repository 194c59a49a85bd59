"""What the scheduler pages about itself: jobs that fail or stand still, and telemetry that is not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, func, select

from enforcement import pages
from jobs.loop import Loop
from jobs.runs import Outcome
from vigil.broker import bootstrap_servers, topics
from vigil.clock import Clock
from vigil.errors import VigilError
from vigil.local.topics import group_lag
from vigil.log import get_logger
from vigil.record.schema import job_runs
from vigil.settings import JobsSettings, Settings

FAILING_TURNS = 5
"""A job is failing when it has not succeeded for so many of its turns …"""

LEAST = timedelta(minutes=2)
"""… and for so long in real time: one slow turn wakes nobody, however fast the clock runs."""

MOST_LAG_RECORDS = 100_000
"""Telemetry that was sent and not read; a benchmark's minute of a machine that ingests well."""

log = get_logger("jobs")


class Watched(Protocol):
    """What is looked at of a job."""

    @property
    def name(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def fails_as(self) -> str: ...
    def every(self, settings: JobsSettings, /) -> timedelta: ...


def failing(
    last_success: Mapping[str, datetime],
    since: datetime,
    now: datetime,
    jobs: Sequence[Watched],
    settings: JobsSettings,
    least: timedelta = LEAST,
) -> list[tuple[Watched, datetime]]:
    """Jobs that have not succeeded for too long, and since when. `since`: jobs that never ran are counted from here.

    `least` is `LEAST` on the clock that `now` was read from.
    """
    found = []
    for job in jobs:
        last = max(last_success.get(job.name, since), since)
        if now - last > max(FAILING_TURNS * job.every(settings), least):
            found.append((job, last))
    return found


def _least(clock: Clock) -> timedelta:
    """How far `clock` advances in `LEAST` of real time."""
    real_s = clock.real_seconds(LEAST)
    return LEAST * (LEAST.total_seconds() / real_s) if real_s > 0 else LEAST


def failing_now(loop: Loop, jobs: Sequence[Watched]) -> list[str]:
    """Names of jobs that have not succeeded for too long."""
    with loop.record.read() as connection:
        last = _last_successes(connection)
    found = failing(last, loop.opened_at, loop.clock.now(), jobs, loop.settings.jobs, _least(loop.clock))
    return [job.name for job, _ in found]


def watch_jobs(loop: Loop, jobs: Sequence[Watched]) -> int:
    """Page about jobs and lag; returns the number of pages put out."""
    now = loop.clock.now()
    with loop.record.read() as connection:
        found = failing(_last_successes(connection), loop.opened_at, now, jobs, loop.settings.jobs, _least(loop.clock))
    behind = _behind(loop.settings)
    if not found and not behind:
        return 0
    with loop.record.write() as connection:
        paged = sum(_page_job(connection, job, since, now) for job, since in found)
        return paged + sum(_page_lag(connection, topic, records, now) for topic, records in behind.items())


def _last_successes(connection: Connection) -> dict[str, datetime]:
    query = (
        select(job_runs.c.job, func.max(job_runs.c.finished_at).label("at"))
        .where(job_runs.c.outcome.in_([Outcome.OK.value, Outcome.LATE.value]))
        .group_by(job_runs.c.job)
    )
    return {row.job: row.at for row in connection.execute(query) if row.at is not None}


def _behind(settings: Settings) -> dict[str, int]:
    """Records not read, by topic, where they are too many. Nothing when Kafka cannot be asked: others page about that."""
    try:
        names = [topic.name for topic in topics(settings)]
        lags = group_lag(settings, bootstrap_servers(settings), names)
    except VigilError as error:
        log.debug("lag is unknown", detail=str(error))
        return {}
    return {name: records for name, records in lags.items() if records > MOST_LAG_RECORDS}


def _page_job(connection: Connection, job: Watched, since: datetime, now: datetime) -> int:
    minutes = (now - since).total_seconds() / 60
    return int(
        pages.warn(
            connection,
            now,
            key=("job", job.name),
            target=pages.itself(pages.SYSTEM),
            title=f"the job {job.name} has not succeeded for {minutes:.0f} minutes",
            what=f"meanwhile: {job.fails_as}",
            who=f"job {job.name}, owned by {job.owner}",
            since=since,
            done="it is tried again at each of its turns",
            do_now=f"`vigil jobs list` shows its last error; `vigil jobs run {job.name}` runs it once with the error on the screen",
            repeats=True,
        )
    )


def _page_lag(connection: Connection, topic: str, records: int, now: datetime) -> int:
    return int(
        pages.warn(
            connection,
            now,
            key=("lag", topic),
            target=pages.itself(pages.SYSTEM),
            title=f"{records:,} records of {topic} wait to be read",
            what=f"telemetry comes in faster than it is read, or nobody reads it: what detectors see is {records:,} records old",
            who=f"topic {topic}",
            how_sure="certain: the group's position against the topic's end",
            done="nothing is lost: it stays in Kafka for as long as the topic keeps it",
            do_now="`vigil status` shows whether `vigil ingest` runs; start more copies of it, or look at its log",
            repeats=True,
        )
    )
