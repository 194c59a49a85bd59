"""`vigil jobs` as a person and a supervisor use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobs.runs import Outcome, last_runs
from tests.jobs.conftest import NOWHERE
from vigil.cli import main
from vigil.record import Record, connect, sqlite_url
from vigil.warehouse import Warehouse

PATIENCE_S = 60.0


@pytest.fixture
def environment(tmp_path: Path, clickhouse_url: str) -> dict[str, str]:
    return {
        "VIGIL_WORKSPACE": str(tmp_path),
        "VIGIL_CLICKHOUSE__URL": clickhouse_url,
        "VIGIL_RECORD__URL": sqlite_url(tmp_path / "record.sqlite"),
        "VIGIL_JOBS__DETECT_EVERY_S": "0.5",
    }


@pytest.fixture
def clickhouse_url(warehouse: Warehouse) -> str:
    options = warehouse._options
    return f"clickhouse://{options['user']}:{options['password']}@{warehouse.address}/{warehouse.database}"


class Process:
    """`vigil jobs` in a process of its own; its log is standard error, one JSON object a line."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "vigil.cli", "jobs"],
            env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, event: str) -> dict[str, str]:
        """Read the log until `event`."""
        assert self.child.stderr is not None
        seen = []
        for line in self.child.stderr:
            seen.append(line)
            if line.startswith("{") and (found := json.loads(line))["event"] == event:
                return dict(found)
        raise AssertionError(f"it ended without saying {event!r}: {''.join(seen)}")

    def end(self) -> int:
        self.child.send_signal(signal.SIGTERM)
        _, self.rest = self.child.communicate(timeout=PATIENCE_S)
        return self.child.returncode


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[type[Process]]:
    started: list[Process] = []

    class Started(Process):
        def __init__(self, **changes: str) -> None:
            super().__init__({**environment, **changes})
            started.append(self)

    yield Started
    for process in started:
        process.child.kill()
        process.child.communicate()


def opened(environment: dict[str, str]) -> Record:
    return connect(environment["VIGIL_RECORD__URL"])


def test_the_process_runs_jobs_and_ends_on_sigterm(
    start: type[Process], environment: dict[str, str], tmp_path: Path
) -> None:
    process = start()  # type: ignore[call-arg]
    process.wait_for("this scheduler is active")
    record = opened(environment)
    try:
        done: set[str] = set()
        while not {"detect", "correlate", "enforce", "dispatch"} <= done:
            assert process.child.poll() is None
            with record.read() as connection:
                done = {name for name, run in last_runs(connection).items() if run.outcome is Outcome.OK}
    finally:
        record.close()
    assert process.end() == 0
    assert "stopping" in process.rest


def test_of_two_processes_one_is_active_and_the_other_follows(start: type[Process]) -> None:
    first = start()  # type: ignore[call-arg]
    first.wait_for("this scheduler is active")
    second = start()  # type: ignore[call-arg]
    second.wait_for("another scheduler is active; this one waits to take over")
    assert first.end() == 0
    assert second.wait_for("this scheduler is active")["fence"] == 2  # type: ignore[comparison-overlap]
    assert second.end() == 0


def test_it_waits_for_clickhouse_and_says_so(start: type[Process]) -> None:
    process = start(VIGIL_CLICKHOUSE__URL=NOWHERE)  # type: ignore[call-arg]
    assert "does not answer" in process.wait_for("waiting for a server")["detail"]
    assert process.end() == 0


def run(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["jobs", *arguments], env=environment)
    return result.exit_code, result.output


def test_one_job_by_hand_is_recorded_and_listed(environment: dict[str, str]) -> None:
    status, output = run(environment, "run", "lift", "--json")
    assert (status, json.loads(output)) == (0, {"job": "lift", "outcome": "ok", "detail": "0 effects lifted"})
    status, output = run(environment, "list", "--json")
    jobs = {job["job"]: job for job in map(json.loads, output.splitlines())}
    assert status == 0
    assert jobs["lift"]["last_run"]["outcome"] == "ok"
    assert jobs["detect"]["last_run"] is None
    assert jobs["detect"]["every_s"] == 0.5
    status, output = run(environment, "list")
    assert status == 0
    assert "ok at 20" in output
    assert "while it fails" in output


def test_wrong_names_and_missing_servers_have_their_exit_statuses(environment: dict[str, str]) -> None:
    status, output = run(environment, "run", "nothing")
    assert (status, "jobs are detect" in output) == (2, True)
    status, output = run({**environment, "VIGIL_CLICKHOUSE__URL": NOWHERE}, "run", "lift")
    assert (status, "does not answer" in output) == (3, True)
