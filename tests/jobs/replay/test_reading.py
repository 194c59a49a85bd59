"""Reading in a process of its own says exactly what reading here says."""

from __future__ import annotations

import gzip
import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.outcome import DeadLetter
from jobs.replay import reading
from jobs.replay.arrange import Arrival
from jobs.replay.reading import RemoteSource
from jobs.replay.source import ReplayRange, ReplaySource
from simulator.traffic import simulate
from vigil.clock import SimulatedClock
from vigil.errors import DependencyError, UsageError
from vigil.settings import Settings

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TODAY = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some hours with everything an event can have, a few lines of rubbish, more than one batch."""
    events = simulate(["injection_wave"], seed=3, start=START, duration=timedelta(hours=2), quiet=timedelta()).events()
    lines = [json.dumps(event) for event in events]
    lines[10:10] = ["not json", '{"event_time": "2026-03-02T12:00:00Z"}', ""]
    assert len(lines) > reading.BATCH_ITEMS
    path = tmp_path_factory.mktemp("traffic") / "events.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def apart(path: Path, within: ReplayRange) -> tuple[RemoteSource, list[Arrival | DeadLetter]]:
    with RemoteSource() as source:
        source.begin([path], Settings(), TODAY, b"key", within)
        return source, list(source)


@pytest.mark.parametrize("damaged", [False, True])
def test_the_process_reads_what_would_be_read_here(traffic: Path, tmp_path: Path, damaged: bool) -> None:
    path = traffic
    if damaged:
        path = tmp_path / "events.jsonl.gz"
        path.write_bytes(gzip.compress(traffic.read_bytes())[:-1_000])
    within = ReplayRange(START, START + timedelta(minutes=100))
    with ReplaySource([path], Settings(), SimulatedClock(TODAY), b"key", within) as here:
        expected = list(here)
    source, found = apart(path, within)
    assert [one for one in found if isinstance(one, Arrival)] == [one for one in expected if isinstance(one, Arrival)]
    assert sorted(str(one) for one in found if isinstance(one, DeadLetter)) == sorted(
        str(one) for one in expected if isinstance(one, DeadLetter)
    )
    assert (source.read, str(source.damage)) == (here.read, str(here.damage))
    assert damaged is (source.damage is not None)
    assert damaged or source.bytes_read() == path.stat().st_size


def test_a_file_that_cannot_be_read_is_said_as_here(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*missing"):
        apart(tmp_path / "missing.jsonl", ReplayRange())


def test_a_killed_process_is_an_error_and_no_short_file(tmp_path: Path) -> None:
    pipe = tmp_path / "endless"
    os.mkfifo(pipe)
    with RemoteSource() as source:
        source.begin([pipe], Settings(), TODAY, b"key", ReplayRange())
        with pipe.open("wb"):  # waits until the process has opened it
            os.kill(source.pid, signal.SIGKILL)
            with pytest.raises(DependencyError, match="status -9"):
                list(source)


def test_leaving_early_ends_the_process(traffic: Path) -> None:
    with RemoteSource() as source:
        pid = source.pid
        source.begin([traffic], Settings(), TODAY, b"key", ReplayRange())
        next(iter(source))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
