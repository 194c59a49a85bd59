"""The scheduler: on time, once each, one at a time, stopping in order."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from jobs.catalogue import Job
from jobs.leadership import Leadership
from jobs.loop import Loop
from jobs.runs import Outcome
from jobs.scheduler import MIN_INTERVAL_REAL_S, Cadence, Scheduler
from tests.jobs.conftest import LoopMaker
from vigil.clock import Clock, ScaledClock, SystemClock
from vigil.metrics import JOBS_SKIPPED
from vigil.record import Record
from vigil.record.schema import job_runs
from vigil.settings import Settings

PATIENCE_S = 20.0


class Running:
    """A scheduler of one job in a thread of its own."""

    def __init__(self, loop: Loop, job: Job, holder: str = "one") -> None:
        self.stop = threading.Event()
        self.unfinished: tuple[str, ...] = ("never ended",)
        self.leadership = Leadership(loop.record, loop.clock, holder)
        self.scheduler = Scheduler(loop, Settings(), self.leadership, catalogue=(job,))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.unfinished = self.scheduler.run(self.stop)

    def end(self) -> None:
        self.stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


def counting(times: int, name: str = "probe") -> tuple[Job, threading.Event]:
    """A job that says when it has run so many times."""
    reached, ran = threading.Event(), [0]

    def run(_: Loop) -> str:
        ran[0] += 1
        if ran[0] >= times:
            reached.set()
        return f"run {ran[0]}"

    every = timedelta(seconds=MIN_INTERVAL_REAL_S)
    return Job(name, lambda _: every, timedelta(minutes=1), "tests", "counts", "nothing counts", run), reached


def scheduled(record: Record) -> list[datetime]:
    with record.read() as connection:
        return [row.scheduled_for for row in connection.execute(job_runs.select().order_by(job_runs.c.scheduled_for))]


def test_a_job_runs_once_for_each_scheduled_time_until_stopped(make_loop: LoopMaker, local_record: Record) -> None:
    job, reached = counting(3)
    running = Running(make_loop(SystemClock()), job)
    assert reached.wait(PATIENCE_S)
    running.end()
    assert running.unfinished == ()
    slots = scheduled(local_record)
    assert len(slots) == len(set(slots)) >= 3
    assert all(slot.timestamp() % MIN_INTERVAL_REAL_S == 0 for slot in slots)
    assert running.leadership.current_holder() is None, "it gave the lease back"


def test_a_second_scheduler_waits_and_takes_over_when_the_first_stops(make_loop: LoopMaker) -> None:
    loop = make_loop(SystemClock())
    first_job, first_reached = counting(1, "first")
    second_job, second_reached = counting(1, "second")
    first = Running(loop, first_job)
    assert first_reached.wait(PATIENCE_S)
    second = Running(make_loop(SystemClock()), second_job, "two")
    first.end()
    assert second_reached.wait(PATIENCE_S)
    assert second.leadership.fence == 2
    second.end()


def test_a_job_that_overruns_is_not_started_beside_itself(make_loop: LoopMaker) -> None:
    skipped = JOBS_SKIPPED.labels("slow", "overrun")
    before, done, beside = skipped._value.get(), threading.Event(), [0]

    def run(loop: Loop) -> str:
        beside[0] += 1
        assert beside[0] == 1
        while skipped._value.get() == before and not loop.stop.wait(0.01):
            pass
        beside[0] -= 1
        done.set()
        return ""

    every = timedelta(seconds=MIN_INTERVAL_REAL_S)
    running = Running(make_loop(SystemClock()), Job("slow", lambda _: every, timedelta(minutes=1), "t", "", "", run))
    assert done.wait(PATIENCE_S)
    running.end()
    assert skipped._value.get() > before


def test_stopping_lets_a_running_job_finish(make_loop: LoopMaker, local_record: Record) -> None:
    started = threading.Event()

    def run(loop: Loop) -> str:
        started.set()
        assert loop.stop.wait(PATIENCE_S)
        return "finished what it had begun"

    every = timedelta(seconds=MIN_INTERVAL_REAL_S)
    running = Running(make_loop(SystemClock()), Job("slow", lambda _: every, timedelta(minutes=1), "t", "", "", run))
    assert started.wait(PATIENCE_S)
    running.end()
    with local_record.read() as connection:
        (row,) = connection.execute(job_runs.select())
    assert (row.outcome, row.detail) == (Outcome.OK.value, "finished what it had begun")


def test_a_cadence_is_one_grid_for_all_processes_and_no_finer_than_the_machine_bears() -> None:
    noon = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
    cadence = Cadence(timedelta(seconds=15), SystemClock())
    assert cadence.slot(noon + timedelta(seconds=14.9)) == noon
    assert cadence.slot(noon + timedelta(seconds=15)) == noon + timedelta(seconds=15)
    fast: Clock = ScaledClock(noon, datetime.now(UTC), 60.0)
    assert Cadence(timedelta(seconds=1), fast).every == timedelta(seconds=60 * MIN_INTERVAL_REAL_S)
    assert Cadence(timedelta(minutes=5), fast).every == timedelta(minutes=5)
