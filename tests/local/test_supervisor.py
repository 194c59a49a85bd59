"""The supervisor against real child processes; only its clock is the test's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.local.waiting import eventually
from vigil.errors import DependencyError
from vigil.local.process import ChildProcess
from vigil.local.supervisor import Child, Supervisor, unwell

_WAITS = 'trap "echo $0 >> order; exit 0" TERM; echo ready; while :; do sleep 0.05; done'
_STUBBORN = 'trap "" TERM; echo ready; while :; do sleep 0.05; done'


@dataclass
class Bench:
    """A supervisor over shell programs in one folder, with a clock that the test moves."""

    folder: Path
    now: float = 0.0
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.said.append, monotonic=lambda: self.now)

    def child(self, name: str, script: str, *, essential: bool = True, tier: int = 0) -> Child:
        process = ChildProcess(name, self.folder / f"{name}.log")
        program = ["/bin/sh", "-c", script, name]
        return Child(process, lambda: process.start(program, folder=self.folder), essential, tier)

    def start(self, name: str, script: str, *, essential: bool = True, tier: int = 0) -> Child:
        child = self.child(name, script, essential=essential, tier=tier)
        self.supervisor.start(child)
        return child

    def tick_after_end_of(self, child: Child) -> None:
        eventually(lambda: child.process.poll() is not None, f"{child.process.name} ends")
        self.supervisor.tick()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.supervisor.stop(budget_s=10)


def ready(child: Child) -> None:
    eventually(lambda: "ready" in child.process.log_tail(), f"{child.process.name} is ready")


def test_a_child_that_dies_is_started_again_after_the_delay_and_said_so(bench: Bench) -> None:
    child = bench.start("worker", _WAITS)
    first = child.process.pid
    child.process.kill()
    assert bench.supervisor.tick()
    assert bench.supervisor.states()[0].state == "restarting"
    assert bench.supervisor.states()[0].pid is None
    assert "worker ended with status -9; it is started again in 0.5 s" in bench.said[0]
    bench.now = 0.4
    assert not bench.supervisor.tick()
    bench.now = 0.6
    assert bench.supervisor.tick()
    [state] = bench.supervisor.states()
    assert (state.state, state.restarts) == ("running", 1)
    assert state.pid not in (None, first)
    assert bench.said[1] == f"worker runs again, process {state.pid}"


def test_five_failures_in_a_minute_give_up_with_the_end_of_the_log(bench: Bench) -> None:
    child = bench.start("worker", "echo the reason; exit 3")
    with pytest.raises(
        DependencyError, match=r"worker failed 5 times within a minute; the end of .*\n(.*\n)*the reason"
    ):
        for _ in range(5):
            bench.tick_after_end_of(child)
            bench.now += 5
            bench.supervisor.tick()
    assert bench.supervisor.states()[0].state == "given up"
    assert bench.supervisor.states()[0].restarts == 4


def test_wrong_use_is_not_tried_again(bench: Bench) -> None:
    child = bench.start("worker", "echo no such option; exit 2")
    with pytest.raises(DependencyError, match=r"(?s)failed once, which will not change.*no such option"):
        bench.tick_after_end_of(child)


def test_what_is_not_essential_is_given_up_alone(bench: Bench) -> None:
    console = bench.start("console", "echo broken; exit 2", essential=False)
    worker = bench.start("worker", _WAITS)
    bench.tick_after_end_of(console)
    assert "The rest goes on without it." in bench.said[-1]
    assert [state.name for state in unwell(bench.supervisor.states())] == ["console"]
    assert worker.process.poll() is None


def test_a_restart_that_fails_counts_as_a_failure(bench: Bench, tmp_path: Path) -> None:
    child = bench.child("server", _WAITS)
    attempts: list[int] = []

    def start() -> None:
        attempts.append(1)
        if len(attempts) == 2:
            raise DependencyError("port 1 is taken")
        child.start()

    bench.supervisor.start(Child(child.process, start))
    child.process.kill()
    bench.supervisor.tick()
    bench.now += 1
    bench.supervisor.tick()
    assert "server did not start again: port 1 is taken; it is started again in 1.0 s" in bench.said[-1]
    bench.now += 2
    bench.supervisor.tick()
    assert bench.supervisor.states()[0].state == "running"


def test_children_are_stopped_in_reverse_order_tier_by_tier(bench: Bench) -> None:
    for name, tier in (("database", 0), ("broker", 1), ("ingest", 2)):
        ready(bench.start(name, _WAITS, tier=tier))
    bench.supervisor.stop(budget_s=10)
    assert (bench.folder / "order").read_text().split() == ["ingest", "broker", "database"]
    assert {state.state for state in bench.supervisor.states()} == {"stopped"}


def test_a_child_that_ignores_the_signal_is_killed_within_the_budget(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    bench = Bench(tmp_path)
    stubborn = bench.child("stubborn", _STUBBORN, tier=1)
    polite = bench.child("polite", _WAITS, tier=0)
    supervisor.start(polite)
    supervisor.start(stubborn)
    ready(stubborn)
    ready(polite)
    supervisor.stop(budget_s=1.0)
    assert stubborn.process.poll() == -9
    assert polite.process.poll() == 0


def test_a_child_that_never_got_ready_is_stopped_as_well(bench: Bench) -> None:
    child = bench.child("server", _WAITS)

    def start() -> None:
        child.start()
        raise DependencyError("not ready")

    with pytest.raises(DependencyError, match="not ready"):
        bench.supervisor.start(Child(child.process, start))
    bench.supervisor.stop(budget_s=10)
    assert child.process.poll() is not None
