"""What the scheduler says about itself, and when it stops telling somebody outside that all is well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from jobs.catalogue import CATALOGUE, find
from jobs.loop import Loop
from jobs.runs import Outcome, claim, finish
from jobs.watching import LEAST, failing_now, watch_jobs
from tests.enforcement.adapters.server import Gateway, answer, running_gateway
from tests.jobs.conftest import HandClock, LoopMaker
from vigil.clock import ScaledClock
from vigil.effect import EffectKind
from vigil.errors import VigilError
from vigil.record import actions
from vigil.settings import JobsSettings, Settings

MINUTE = timedelta(minutes=1)


@pytest.fixture
def outside() -> Iterator[Gateway]:
    with running_gateway() as running:
        yield running


def succeed(loop: Loop, *names: str) -> None:
    now = loop.clock.now()
    with loop.record.write() as connection:
        for name in names:
            claim(connection, name, now, now)
            finish(connection, name, now, Outcome.OK, "", now)


def titles(loop: Loop) -> list[str]:
    with loop.record.read() as connection:
        found = actions.list_actions(connection, effects=[EffectKind.PAGE], limit=None)
    return sorted(str(page.parameters["title"]) for page in found)


def test_a_job_that_does_not_succeed_pages_once_with_what_it_means(make_loop: LoopMaker, hand_clock: HandClock) -> None:
    loop = make_loop(hand_clock)
    jobs = [job for job in CATALOGUE if job.name in ("lift", "detect")]
    assert watch_jobs(loop, jobs) == 0, "just started"
    hand_clock.advance(LEAST + MINUTE)
    succeed(loop, "detect")
    assert watch_jobs(loop, jobs) == 1
    assert watch_jobs(loop, jobs) == 0, "it was said"
    assert titles(loop) == ["the job lift has not succeeded for 3 minutes"]
    with loop.record.read() as connection:
        [page] = actions.list_actions(connection, effects=[EffectKind.PAGE])
    assert "What: meanwhile: people stay restricted for longer than was decided" in page.parameters["text"]
    assert "vigil jobs run lift" in page.parameters["text"]


def test_on_a_clock_sixty_times_as_fast_some_seconds_of_silence_page_nobody(
    make_loop: LoopMaker, hand_clock: HandClock
) -> None:
    lift = find("lift")
    for clock, late in ((hand_clock, ["lift"]), (ScaledClock(hand_clock.now(), datetime.now(UTC), 60), [])):
        loop = make_loop(clock)
        loop.opened_at = clock.now() - 17 * MINUTE
        assert failing_now(loop, [lift]) == late


def with_deadman(loop: Loop, url: str) -> Loop:
    loop.settings = Settings(jobs=JobsSettings(deadman_url=SecretStr(url)))
    return loop


def test_somebody_outside_is_told_while_all_jobs_are_well_and_no_longer(
    make_loop: LoopMaker, hand_clock: HandClock, outside: Gateway
) -> None:
    loop = with_deadman(make_loop(hand_clock), outside.url + "?token=secret")
    job = find("deadman")
    assert job.run(loop).endswith("knows that all jobs are well")
    assert len(outside.received) == 1
    hand_clock.advance(timedelta(hours=20))
    succeed(loop, *(one.name for one in CATALOGUE if one.name != "lift"))
    with pytest.raises(VigilError, match="somebody outside alarms: lift did not succeed"):
        job.run(loop)
    assert len(outside.received) == 1, "silence is the alarm"
    outside.behave = lambda handler: answer(handler, 500)
    succeed(loop, "lift")
    with pytest.raises(VigilError, match="answered 500") as failed:
        job.run(loop)
    assert "secret" not in str(failed.value)


def test_without_an_address_it_says_what_that_means(make_loop: LoopMaker, hand_clock: HandClock) -> None:
    assert "nobody outside notices" in find("deadman").run(make_loop(hand_clock))
