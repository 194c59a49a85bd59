"""`vigil up`, `status`, `check` and `down` as a person runs them: as commands, with their exit statuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.broker import Broker
from tests.local.command_line import environment, findings, vigil
from tests.local.processes import children, is_alive
from vigil.errors import EXIT_DEPENDENCY, EXIT_DONE, EXIT_FINDING, EXIT_USAGE
from vigil.local.addresses import addresses_file, read_addresses

SERVERS_ONLY = ("--without", "ingest", "--without", "jobs", "--without", "dashboard")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A detached service of servers only, started and stopped by the commands."""
    folder = tmp_path_factory.mktemp("up") / "workspace"
    done = vigil(folder, "up", "--detach", "--json", *SERVERS_ONLY)
    assert done.exit_code == EXIT_DONE, done.stderr
    printed = json.loads(done.stdout)
    addresses = read_addresses(folder)
    assert printed == {
        "supervisor_pid": addresses.supervisor_pid,
        "bootstrap_servers": addresses.bootstrap_servers,
        "dashboard_url": None,
        "workspace": str(folder),
    }
    pids = [*children(folder).values(), addresses.supervisor_pid]
    yield folder
    stopped = vigil(folder, "down")
    assert (stopped.exit_code, stopped.stdout) == (EXIT_DONE, "stopped\n")
    assert not [pid for pid in pids if is_alive(pid)]
    assert not addresses_file(folder).exists()


def test_status_of_a_running_service(workspace: Path) -> None:
    done = vigil(workspace, "status", "--json")
    assert done.exit_code == EXIT_DONE, done.stdout
    found = findings(done)
    assert set(found) == {"service", "ClickHouse", "Kafka broker", "disk", "warehouse", "topics", "record"}
    assert found["service"]["facts"]["pid"] == read_addresses(workspace).supervisor_pid
    assert found["Kafka broker"]["facts"]["pid"] == children(workspace)["Kafka broker"]
    assert found["Kafka broker"]["facts"]["log"].endswith("logs/broker.log")
    assert found["warehouse"]["facts"] == {"events": 0, "dead_letters": 0}
    assert found["record"]["facts"] == {"incidents": {}}


def test_status_counts_what_the_consumer_has_not_read(workspace: Path) -> None:
    servers = read_addresses(workspace).bootstrap_servers
    Broker("tansu", servers).produce("vigil.events", [b"{}"])
    assert findings(vigil(workspace, "status", "--json"))["topics"]["facts"]["lag"]["vigil.events"] >= 1


def test_status_never_shows_the_password(workspace: Path) -> None:
    password = (workspace / "clickhouse" / "password").read_text()
    done = vigil(workspace, "status")
    assert "all well" in done.stdout
    assert password not in done.stdout + done.stderr


def test_check_of_a_running_service_finds_nothing_wrong_with_its_servers(workspace: Path) -> None:
    found = findings(vigil(workspace, "check", "--json"))
    for name in ("configuration", "exceptions", "ClickHouse", "Kafka", "record"):
        assert found[name]["ok"], found[name]


def test_check_names_a_missing_topic_and_migrate_makes_it(workspace: Path) -> None:
    topics = {"VIGIL_KAFKA__TOPICS": "vigil.events,more"}
    before = vigil(workspace, "check", "--json", **topics)
    assert before.exit_code == EXIT_FINDING
    assert "it has no topic more" in findings(before)["Kafka"]["detail"]
    after = vigil(workspace, "check", "--migrate", "--json", **topics)
    assert findings(after)["Kafka"]["ok"]
    assert "Kafka: created more" in after.stderr


def test_a_second_up_is_refused(workspace: Path) -> None:
    for arguments in (["up", *SERVERS_ONLY], ["up", "--detach", *SERVERS_ONLY]):
        done = vigil(workspace, *arguments)
        assert done.exit_code == EXIT_DEPENDENCY
        assert f"in use by process {read_addresses(workspace).supervisor_pid}" in done.stderr
        assert "Traceback" not in done.stderr


def test_doctor_leaves_the_ports_of_a_running_service_alone(workspace: Path) -> None:
    found = findings(vigil(workspace, "doctor", "--json"))
    assert "in use by the running service" in found["ports"]["detail"]


def test_down_where_nothing_runs_is_done_and_creates_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "absent"
    done = vigil(folder, "down")
    assert (done.exit_code, done.stdout) == (EXIT_DONE, f"nothing runs in {folder}\n")
    assert not folder.exists()


def test_status_where_nothing_runs_is_a_finding_that_names_the_way_out(tmp_path: Path) -> None:
    done = vigil(tmp_path, "status")
    assert done.exit_code == EXIT_FINDING
    assert "start it with `vigil up`" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("detach", [[], ["--detach"]])
def test_up_with_a_taken_port_says_so_with_status_3(tmp_path: Path, taken_port: int, detach: list[str]) -> None:
    done = vigil(tmp_path, "up", *SERVERS_ONLY, *detach, VIGIL_LOCAL__KAFKA_PORT=str(taken_port))
    assert done.exit_code == EXIT_DEPENDENCY
    assert f"vigil: port {taken_port} for the Kafka broker cannot be used" in done.stderr


@pytest.mark.parametrize("detach", [[], ["--detach"]])
def test_up_in_an_unusable_workspace_says_so_with_status_3(tmp_path: Path, detach: list[str]) -> None:
    (tmp_path / "file").write_text("")
    done = vigil(tmp_path / "file", "up", *SERVERS_ONLY, *detach)
    assert done.exit_code == EXIT_DEPENDENCY
    assert "vigil: cannot use the workspace" in done.stderr


def test_a_wrong_configuration_file_is_wrong_use(tmp_path: Path) -> None:
    config = tmp_path / "vigil.toml"
    config.write_text("[kafka]\ntopics = 3\n")
    done = vigil(tmp_path, "up", "--detach", "--config", str(config))
    assert done.exit_code == EXIT_USAGE
    assert "kafka.topics" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_up_in_the_foreground_and_every_child(tmp_path: Path, number: signal.Signals) -> None:
    up = subprocess.Popen(
        [sys.executable, "-m", "vigil.cli", "up", *SERVERS_ONLY],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert up.stdout is not None
    try:
        # Its last line once everything runs; the test's own time limit is the deadline.
        printed = next(line for line in up.stdout if "stop it with" in line)
        pids = children(tmp_path)
        up.send_signal(number)
        _, errors = up.communicate(timeout=40)
    finally:
        up.kill()
    assert "Ctrl-C" in printed
    assert up.returncode == EXIT_DONE, errors
    assert f"{number.name}: stopping" in errors
    assert len(pids) == 2
    assert not [pid for pid in pids.values() if is_alive(pid)]
    assert not addresses_file(tmp_path).exists()
