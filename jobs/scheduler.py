"""The scheduler: APScheduler in a process of its own, one active at a time, jobs on the clock of the settings."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
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
_LOOK_AT_CLOCK_S = 1.0


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


class ClockWatch:
    """Notices when the machine's clock is set, by a stopwatch that nobody sets."""

    TOLERANCE_S = 2.0

    def __init__(self, wall: Callable[[], float] = time.time, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._stopwatch = wall, stopwatch
        self._offset = wall() - stopwatch()

    def jump(self) -> float:
        """Seconds by which it was moved since the last look; 0 when that is less than slewing explains."""
        offset = self._wall() - self._stopwatch()
        moved, self._offset = offset - self._offset, offset
        return moved if abs(moved) > self.TOLERANCE_S else 0.0


class Scheduler:
    """Schedules the catalogue. `run` blocks until `stop` is set and returns once running jobs have ended."""

    def __init__(
        self,
        loop: Loop,
        settings: Settings,
        leadership: Leadership,
        *,
        catalogue: tuple[Job, ...] = CATALOGUE,
        renew_s: float = RENEW_REAL_S,
    ) -> None:
        self._loop = loop
        self._settings = settings.jobs
        self._catalogue = catalogue
        self._leadership = leadership
        self._renew_s = renew_s
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
        self._set_timers()
        self._timers.start()
        watch = ClockWatch()
        while not stop.wait(_LOOK_AT_CLOCK_S):
            if jump := watch.jump():
                # Timers wait for a time of day: after a jump back they would be silent until it comes again.
                log.warning("the machine's clock was changed; timers are set anew", jump_s=round(jump, 1))
                self._set_timers()
        log.info("stopping", budget_s=SHUTDOWN_BUDGET_S)
        self._loop.stop.set()
        self._timers.shutdown(wait=False)
        unfinished = self.runner.wait_until_idle(SHUTDOWN_BUDGET_S)
        try:
            self._leadership.resign()
            self._leadership.close()
        except DependencyError as error:
            log.warning("the lease could not be given back; it ends by itself", detail=str(error))
        return unfinished

    def _set_timers(self) -> None:
        add = self._timers.add_job
        add(self._campaign, IntervalTrigger(seconds=self._renew_s, timezone=UTC), id="lease", replace_existing=True)
        deadlines = IntervalTrigger(seconds=1, timezone=UTC)
        add(self.runner.check_deadlines, deadlines, id="deadlines", replace_existing=True)
        for job in self._catalogue:
            cadence = Cadence(job.every(self._settings), self._loop.clock)
            add(self._turn, cadence.trigger(), args=(job, cadence), id=job.name, replace_existing=True)

    def _turn(self, job: Job, cadence: Cadence) -> None:
        if self._leadership.fence is not None and not self._loop.stop.is_set():
            self.runner.run(job, cadence.slot(self._loop.clock.now()))

    def _campaign(self) -> None:
        try:
            leads = self._leadership.campaign()
            other = None if leads else self._leadership.current_holder()
        except DependencyError as error:
            log.error("leadership is unknown", detail=str(error))
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
