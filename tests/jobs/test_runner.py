"""One job, run once: recorded, timed, watched, and failing in words."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from jobs.catalogue import Job, find
from jobs.leadership import Leadership
from jobs.loop import Loop
from jobs.runner import JobRunner
from jobs.runs import JobRun, Outcome, last_runs
from tests.jobs.conftest import HandClock, LoopMaker
from vigil.errors import VigilError
from vigil.record import Record
from vigil.record.schema import job_runs

SECOND = timedelta(seconds=1)


def job(run: Callable[[Loop], str], deadline: timedelta = timedelta(minutes=1)) -> Job:
    return Job("probe", lambda _: SECOND, deadline, "tests", "probes", "nothing is probed", run)


class Desk:
    """A runner that leads, and what it recorded."""

    def __init__(self, loop: Loop, clock: HandClock) -> None:
        self.loop = loop
        self.clock = clock
        self.leadership = Leadership(loop.record, clock, "desk")
        self.leadership.campaign()
        self.runner = JobRunner(loop, self.leadership)

    def last(self, name: str = "probe") -> JobRun:
        with self.loop.record.read() as connection:
            return last_runs(connection)[name]


@pytest.fixture
def desk(make_loop: LoopMaker, hand_clock: HandClock) -> Desk:
    return Desk(make_loop(hand_clock), hand_clock)


def test_a_run_is_recorded_with_what_it_did(desk: Desk) -> None:
    assert desk.runner.run(job(lambda _: "3 things"), desk.clock.now()) is Outcome.OK
    assert (desk.last().outcome, desk.last().detail) == (Outcome.OK, "3 things")
    assert desk.last().finished_at is not None


def test_a_scheduled_time_is_run_once(desk: Desk) -> None:
    calls: list[int] = []

    def count(_: Loop) -> str:
        calls.append(1)
        return ""

    at = desk.clock.now()
    assert desk.runner.run(job(count), at) is Outcome.OK
    assert desk.runner.run(job(count), at) is None
    assert len(calls) == 1


def test_only_the_leader_starts_a_run(desk: Desk) -> None:
    follower = Leadership(desk.loop.record, desk.clock, "follower")
    assert not follower.campaign()
    assert JobRunner(desk.loop, follower).run(job(lambda _: pytest.fail("it ran")), desk.clock.now()) is None
    follower.fence = 1  # what a leader that was cut off still believes
    assert JobRunner(desk.loop, follower).run(job(lambda _: pytest.fail("it ran")), desk.clock.now()) is None


def test_a_failure_is_recorded_in_words_and_the_next_turn_goes_on(desk: Desk) -> None:
    answers: list[str | VigilError] = [VigilError("ClickHouse is away"), "well again"]

    def flaky(_: Loop) -> str:
        answer = answers.pop(0)
        if isinstance(answer, VigilError):
            raise answer
        return answer

    assert desk.runner.run(job(flaky), desk.clock.now()) is Outcome.FAILED
    assert desk.last().detail == "ClickHouse is away"
    desk.clock.advance(SECOND)
    assert desk.runner.run(job(flaky), desk.clock.now()) is Outcome.OK


def test_a_bug_is_recorded_and_raised(desk: Desk) -> None:
    def broken(_: Loop) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        desk.runner.run(job(broken), desk.clock.now())
    assert desk.last().outcome is Outcome.FAILED
    assert desk.runner.wait_until_idle(0) == ()


def test_without_clickhouse_detecting_fails_with_a_message_and_the_rest_works(desk: Desk) -> None:
    assert desk.runner.run(find("detect"), desk.clock.now()) is Outcome.FAILED
    assert "does not answer" in desk.last("detect").detail
    for name in ("correlate", "enforce", "dispatch", "lift", "housekeeping"):
        assert desk.runner.run(find(name), desk.clock.now()) is Outcome.OK


def test_without_the_record_a_run_fails_quietly_and_is_no_bug(desk: Desk) -> None:
    with desk.loop.record.write() as connection:
        job_runs.drop(connection)
    assert desk.runner.run(job(lambda _: pytest.fail("it ran")), desk.clock.now()) is Outcome.FAILED


def test_a_run_past_its_deadline_is_said_while_it_runs_and_stays_late(desk: Desk) -> None:
    started, release = threading.Event(), threading.Event()

    def slow(_: Loop) -> str:
        started.set()
        assert release.wait(20)
        return "done"

    at = desk.clock.now()
    thread = threading.Thread(target=desk.runner.run, args=(job(slow, deadline=timedelta()), at))
    thread.start()
    assert started.wait(20)
    desk.runner.check_deadlines()
    assert (desk.last().outcome, desk.last().finished_at) == (Outcome.LATE, None)
    assert "still running" in desk.last().detail
    assert desk.runner.wait_until_idle(0) == ("probe",)
    release.set()
    assert desk.runner.wait_until_idle(20) == ()
    thread.join()
    assert desk.last().outcome is Outcome.LATE
    assert desk.last().detail.endswith("done")


def test_housekeeping_deletes_what_is_old_and_nothing_else(desk: Desk, local_record: Record) -> None:
    desk.runner.run(job(lambda _: "old"), desk.clock.now())
    desk.clock.advance(timedelta(days=3))
    desk.leadership.campaign()
    desk.runner.run(job(lambda _: "new"), desk.clock.now())
    desk.clock.advance(SECOND)
    assert desk.runner.run(find("housekeeping"), desk.clock.now()) is Outcome.OK
    assert desk.last("housekeeping").detail == "1 job runs and 0 detector runs deleted"
    assert desk.last().detail == "new"
