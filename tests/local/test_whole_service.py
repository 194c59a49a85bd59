"""The whole service as a person runs it: every process, an event on its way, a killed supervisor, another start."""

from __future__ import annotations

import os
import signal
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.kafka.broker import Broker
from tests.local.command_line import findings, vigil
from tests.local.processes import children, is_alive
from tests.local.waiting import eventually
from vigil.errors import EXIT_DONE, EXIT_FINDING
from vigil.local.addresses import addresses_file, read_addresses

PROCESSES = {"ClickHouse", "Kafka broker", "ingest", "jobs", "dashboard"}
ANY_PORT = {"VIGIL_DASHBOARD__PORT": "0"}


def events(workspace: Path) -> int:
    status = findings(vigil(workspace, "status", "--json"))
    count: int = status["warehouse"]["facts"].get("events", -1)
    return count


def dashboard_answers(workspace: Path) -> bool:
    url = read_addresses(workspace).dashboard_url
    assert url is not None
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.slow
def test_it_takes_in_events_survives_its_supervisor_and_leaves_nothing_behind(tmp_path: Path) -> None:
    up = vigil(tmp_path, "up", "--detach", **ANY_PORT)
    assert up.exit_code == EXIT_DONE, up.output
    first = read_addresses(tmp_path)
    pids = children(tmp_path)
    assert set(pids) == PROCESSES
    try:
        now = datetime.now(UTC)
        event = msgspec.json.encode({"event_time": now, "account_id": "a", "source": "test"})
        Broker("tansu", first.bootstrap_servers).produce("vigil.events", [event, b"no event"])
        eventually(lambda: events(tmp_path) == 1, "the event is in ClickHouse", 60)
        eventually(lambda: dashboard_answers(tmp_path), "the dashboard answers", 60)
        status = vigil(tmp_path, "status", "--json")
        assert status.exit_code == EXIT_DONE, status.output
        assert findings(status)["warehouse"]["facts"]["dead_letters"] == 1
    finally:
        os.kill(first.supervisor_pid, signal.SIGKILL)
    eventually(lambda: not [pid for pid in pids.values() if is_alive(pid)], "every child ends with its supervisor", 40)
    assert vigil(tmp_path, "status").exit_code == EXIT_FINDING

    # What it left (addresses of dead ports among it) does not stand in the way of the next start.
    again = vigil(tmp_path, "up", "--detach", **ANY_PORT)
    assert again.exit_code == EXIT_DONE, again.output
    second = read_addresses(tmp_path)
    pids = children(tmp_path)
    try:
        assert second.supervisor_pid != first.supervisor_pid
        assert set(pids) == PROCESSES
        assert events(tmp_path) == 1
    finally:
        down = vigil(tmp_path, "down")
    assert down.exit_code == EXIT_DONE
    assert not [pid for pid in [*pids.values(), second.supervisor_pid] if is_alive(pid)]
    assert not addresses_file(tmp_path).exists()
