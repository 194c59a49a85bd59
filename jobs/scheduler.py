"""The scheduler: APScheduler in a process of its own, one active at a time, jobs on the clock of the settings."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from jobs.catalogue import CATALOGUE, Job
from jobs.leadership import RENEW_REAL_S, Leadership, span_of_real_seconds
from jobs.loop import Loop
from jobs.runner import JobRunner
from vigil.clock import Clock
from vigil.errors import DependencyError
from vigil.log import get_logger
from vigil.metrics import JOBS_SKIPPED
from vigil.settings import Settings

log = get_logger("jobs")

MIN_INTERVAL_REAL_S = 0.25
"""However fast a demonstration's clock runs, no job starts more often."""

SHUTDOWN_BUDGET_S = 25.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Cadence:
    """The times a job is scheduled for: a grid in vigil's time, the same for every process.

    >>> from vigil.clock import SystemClock
    >>> Cadence(timedelta(seconds=2), SystemClock()).slot(datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC)).second
    2
    """

    def __init__(self, every: timedelta, clock: Clock) -> None:
        self._clock = clock
        self.every = max(every, span_of_real_seconds(clock, MIN_INTERVAL_REAL_S))

    def slot(self, now: datetime) -> datetime:
        """The scheduled time that `now` belongs to."""
        return _EPOCH + (now - _EPOCH) // self.every * self.every

    def trigger(self) -> IntervalTrigger:
        """Fires in the middle of each slot, so that a little jitter does not put two firings into one."""
        now = self._clock.now()
        until_middle = self.slot(now) + self.every * 1.5 - now
        start = datetime.now(UTC) + timedelta(seconds=self._clock.real_seconds(until_middle))
        return IntervalTrigger(seconds=self._clock.real_seconds(self.every), start_date=start, timezone=UTC)


class Scheduler:
    """Schedules the catalogue. `run` blocks until `stop` is set and returns once running jobs have ended."""

    def __init__(
        self, loop: Loop, settings: Settings, leadership: Leadership, *, catalogue: tuple[Job, ...] = CATALOGUE
    ) -> None:
        self._loop = loop
        self._settings = settings.jobs
        self._catalogue = catalogue
        self._leadership = leadership
        self._led: bool | None = None
        self.runner = JobRunner(loop, leadership)
        self._timers = BackgroundScheduler(
            timezone=UTC,
            # A thread for every job: none waits for another's.
            executors={"default": ThreadPoolExecutor(len(catalogue) + 2)},
            # Late is better than never, and one run makes up for several missed ones.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        # What APScheduler would log of missed and failed runs, the listeners say in our own words.
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self._timers.add_listener(self._skipped, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._timers.add_listener(self._crashed, EVENT_JOB_ERROR)

    def run(self, stop: threading.Event) -> tuple[str, ...]:
        """Run jobs until `stop`; the names of jobs that did not end within the shutdown budget."""
        self._campaign()
        self._timers.add_job(self._campaign, IntervalTrigger(seconds=RENEW_REAL_S, timezone=UTC), id="lease")
        self._timers.add_job(self.runner.check_deadlines, IntervalTrigger(seconds=1, timezone=UTC), id="deadlines")
        for job in self._catalogue:
            cadence = Cadence(job.every(self._settings), self._loop.clock)
            self._timers.add_job(self._turn, cadence.trigger(), args=(job, cadence), id=job.name)
        self._timers.start()
        stop.wait()
        log.info("stopping", budget_s=SHUTDOWN_BUDGET_S)
        self._loop.stop.set()
        self._timers.shutdown(wait=False)
        unfinished = self.runner.wait_until_idle(SHUTDOWN_BUDGET_S)
        try:
            self._leadership.resign()
        except DependencyError as error:
            log.warning("the lease could not be given back; it ends by itself", detail=str(error))
        return unfinished

    def _turn(self, job: Job, cadence: Cadence) -> None:
        if self._leadership.fence is not None and not self._loop.stop.is_set():
            self.runner.run(job, cadence.slot(self._loop.clock.now()))

    def _campaign(self) -> None:
        try:
            leads = self._leadership.campaign()
            other = None if leads else self._leadership.current_holder()
        except DependencyError as error:
            log.error("leadership is unknown; the record does not answer", detail=str(error))
            return
        if leads != self._led:
            if leads:
                log.info("this scheduler is active", holder=self._leadership.holder, fence=self._leadership.fence)
            else:
                log.info("another scheduler is active; this one waits to take over", active=other)
            self._led = leads

    def _skipped(self, event: JobEvent) -> None:
        why = "overrun" if event.code == EVENT_JOB_MAX_INSTANCES else "missed"
        JOBS_SKIPPED.labels(event.job_id, why).inc()
        log.warning("a turn of a job was skipped", job=event.job_id, why=why)

    def _crashed(self, event: JobExecutionEvent) -> None:
        log.error(
            "a job ended with an unexpected error: please report it",
            job=event.job_id,
            error=f"{type(event.exception).__name__}: {event.exception}",
            traceback=event.traceback,
        )
