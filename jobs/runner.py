"""Running one job once: started by the leader only, recorded, timed, watched, and failing in words."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from jobs.catalogue import Job
from jobs.leadership import Leadership
from jobs.loop import Loop
from jobs.runs import Outcome, claim, finish
from vigil.errors import DependencyError, VigilError
from vigil.log import get_logger
from vigil.metrics import JOB_LAST_SUCCESS, JOB_SECONDS, JOBS_SKIPPED

log = get_logger("jobs")


@dataclass
class _Running:
    job: Job
    scheduled_for: datetime
    started: float
    late: bool = False


class JobRunner:
    """Runs jobs on any thread. A failing job says so and is tried again at its next turn."""

    def __init__(self, loop: Loop, leadership: Leadership) -> None:
        self._loop = loop
        self._leadership = leadership
        self._running: dict[str, _Running] = {}
        self._failures: dict[str, int] = defaultdict(int)
        self._changed = threading.Condition()

    def run(self, job: Job, scheduled_for: datetime) -> Outcome | None:
        """Run `job` unless its run at `scheduled_for` was started before or another process leads (then None).

        Errors of vigil become outcome `failed`; any other error is a bug and is raised, after it was recorded.
        """
        try:
            with self._loop.record.write() as connection:
                if not self._leadership.holds(connection):
                    JOBS_SKIPPED.labels(job.name, "not_leading").inc()
                    return None
                if not claim(connection, job.name, scheduled_for, self._loop.clock.now()):
                    JOBS_SKIPPED.labels(job.name, "already_run").inc()
                    return None
        except DependencyError as error:
            self._note(job, str(error))
            return Outcome.FAILED
        running = _Running(job, scheduled_for, time.perf_counter())
        with self._changed:
            self._running[job.name] = running
        outcome, detail = Outcome.FAILED, "stopped by an unexpected error; the log has it"
        try:
            detail = job.run(self._loop)
            outcome = Outcome.LATE if running.late else Outcome.OK
        except VigilError as error:
            detail = str(error)
        finally:
            self._finish(running, outcome, detail)
        return outcome

    def check_deadlines(self) -> None:
        """Say which running jobs have passed their deadline; each is said once."""
        with self._changed:
            running = [one for one in self._running.values() if not one.late]
        for one in running:
            elapsed = time.perf_counter() - one.started
            if elapsed <= one.job.deadline.total_seconds():
                continue
            one.late = True
            detail = f"still running after {elapsed:.0f} s; its deadline is {one.job.deadline.total_seconds():.0f} s"
            log.error("a job is late", job=one.job.name, detail=detail, meaning=one.job.fails_as)
            JOBS_SKIPPED.labels(one.job.name, "late").inc()
            with suppress(DependencyError), self._loop.record.write() as connection:
                finish(connection, one.job.name, one.scheduled_for, Outcome.LATE, detail, None)

    def wait_until_idle(self, timeout_s: float) -> tuple[str, ...]:
        """Wait for running jobs to end; the names of those that still run when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running, timeout_s)
            return tuple(sorted(self._running))

    def _finish(self, running: _Running, outcome: Outcome, detail: str) -> None:
        job = running.job
        elapsed = time.perf_counter() - running.started
        now = self._loop.clock.now()
        JOB_SECONDS.labels(job.name, outcome.value).observe(elapsed)
        if outcome is Outcome.FAILED:
            self._note(job, detail)
        else:
            JOB_LAST_SUCCESS.labels(job.name).set(now.timestamp())
            if failures := self._failures.pop(job.name, 0):
                log.info("a job is well again", job=job.name, after_failures=failures)
            if outcome is Outcome.LATE:
                detail = f"finished late, after {elapsed:.0f} s: {detail}"
        try:
            with self._loop.record.write() as connection:
                finish(connection, job.name, running.scheduled_for, outcome, detail, now)
        except DependencyError as error:
            self._note(job, str(error))
        finally:
            with self._changed:
                self._running.pop(job.name, None)
                self._changed.notify_all()

    def _note(self, job: Job, detail: str) -> None:
        """Log the first failure in a row and then each time their number doubles: an outage must not flood the log."""
        self._failures[job.name] += 1
        count = self._failures[job.name]
        if count & (count - 1) == 0:
            log.error("a job failed", job=job.name, failures_in_a_row=count, detail=detail, meaning=job.fails_as)
