"""The service with real servers: start, what it writes, restarts on the same ports, the end, and every way to fail."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kafka.broker import Broker
from tests.local.processes import children, is_alive
from tests.local.waiting import eventually
from vigil.errors import DependencyError, WarehouseUnavailable, WorkspaceError
from vigil.local.addresses import Addresses, addresses_file, read_addresses, write_addresses
from vigil.local.broker import EmbeddedBroker
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.local.process import free_port, port_is_open
from vigil.local.service import Service
from vigil.local.state import read_state, state_file
from vigil.local.topics import topics_of
from vigil.record import open_record, revisions
from vigil.settings import Settings
from vigil.warehouse import Warehouse, open_warehouse, pending


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def clickhouse_port(addresses: Addresses) -> int:
    return port_of(Warehouse(addresses.clickhouse_url).address)


@dataclass
class Running:
    service: Service
    settings: Settings
    said: list[str]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of servers only; the tests that share it leave it as they found it."""
    settings = Settings(workspace=tmp_path_factory.mktemp("service") / "workspace")
    said: list[str] = []
    with Service(settings, processes=(), say=said.append) as service:
        yield Running(service, settings, said)


def test_everything_is_there_once_it_has_started(running: Running) -> None:
    warehouse = open_warehouse(running.settings)
    assert pending(warehouse) == []
    warehouse.close()
    record = open_record(running.settings, migrate=False)
    current, head = revisions(record)
    record.close()
    assert current == head
    assert topics_of(running.settings, running.service.addresses.bootstrap_servers) == {"vigil.events": 1}
    assert running.service.running


def test_the_addresses_are_for_the_owner_only(running: Running) -> None:
    workspace = running.settings.workspace
    assert addresses_file(workspace).stat().st_mode & 0o777 == 0o600
    assert read_addresses(workspace) == running.service.addresses
    assert running.service.addresses.supervisor_pid == os.getpid()
    assert running.service.addresses.dashboard_url is None


def test_it_listens_on_the_loopback_only(running: Running) -> None:
    pids = set(children(running.settings.workspace).values())
    inodes = {
        os.readlink(link)[len("socket:[") : -1]
        for pid in pids
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if os.readlink(link).startswith("socket:[")
    }
    listening = [
        (line.split()[1], line.split()[9])
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    own = {address for address, inode in listening if inode in inodes}
    assert len(own) == 2
    assert all(address.startswith("0100007F:") for address in own)


def test_a_second_start_in_the_same_workspace_is_refused(running: Running) -> None:
    with pytest.raises(WorkspaceError, match=f"in use by process {os.getpid()}"):
        Service(running.settings, processes=()).start()
    assert read_addresses(running.settings.workspace) == running.service.addresses


def test_a_killed_clickhouse_comes_back_on_its_port_with_its_data(running: Running) -> None:
    workspace, address = running.settings.workspace, running.service.addresses
    warehouse = open_warehouse(running.settings)
    warehouse.command("CREATE TABLE kept (n UInt8) ENGINE = MergeTree ORDER BY n")
    warehouse.insert("kept", ["n"], [[7]])
    killed = children(workspace)["ClickHouse"]
    os.kill(killed, signal.SIGKILL)

    def answers() -> bool:
        try:
            return warehouse.query("SELECT n FROM kept") == [(7,)]
        except WarehouseUnavailable:
            return False

    eventually(lambda: children(workspace).get("ClickHouse", killed) != killed, "ClickHouse is started again")
    eventually(answers, "ClickHouse answers on the same port")
    warehouse.command("DROP TABLE kept SYNC")
    warehouse.close()
    assert read_addresses(workspace) == address
    assert any("ClickHouse ended with status -9; it is started again" in line for line in running.said)


def test_a_killed_broker_comes_back_on_its_port_with_its_topics(running: Running) -> None:
    workspace, servers = running.settings.workspace, running.service.addresses.bootstrap_servers
    killed = children(workspace)["Kafka broker"]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: children(workspace).get("Kafka broker", killed) != killed, "the broker is started again")
    assert topics_of(running.settings, servers) == {"vigil.events": 1}
    state = read_state(workspace)
    assert state is not None
    assert {child.name: child.restarts for child in state.children}["Kafka broker"] == 1


def test_stopping_ends_every_child_and_removes_the_addresses(tmp_path: Path) -> None:
    wanted = free_port()
    settings = Settings.model_validate({"workspace": tmp_path, "local": {"kafka_port": wanted}})
    # Left by a supervisor that was killed: nobody must go on believing it.
    write_addresses(tmp_path, Addresses("clickhouse://stale:x@127.0.0.1:1/vigil", "127.0.0.1:1", 1))
    with Service(settings, processes=()) as service:
        pids = children(tmp_path)
        ports = clickhouse_port(service.addresses), port_of(service.addresses.bootstrap_servers)
        assert read_addresses(tmp_path) == service.addresses
        assert ports[1] == wanted
    assert sorted(pids) == ["ClickHouse", "Kafka broker"]
    assert not [pid for pid in pids.values() if is_alive(pid)]
    assert not [port for port in ports if port_is_open(port)]
    assert not addresses_file(tmp_path).exists()
    assert not state_file(tmp_path).exists()
    assert (tmp_path / "logs" / "clickhouse.log").exists()
    assert not service.running
    service.stop()


@pytest.mark.parametrize(
    ("section", "key", "what"),
    [
        ("local", "clickhouse_port", "ClickHouse"),
        ("local", "kafka_port", "the Kafka broker"),
        ("dashboard", "port", "the dashboard"),
    ],
)
def test_a_taken_port_is_said_so_and_nothing_is_left_running(
    tmp_path: Path, taken_port: int, section: str, key: str, what: str
) -> None:
    settings = Settings.model_validate({"workspace": tmp_path, section: {key: taken_port}})
    service = Service(settings, processes=("dashboard",))
    with pytest.raises(WorkspaceError, match=f"port {taken_port} for {what} cannot be used: Address already in use"):
        service.start()
    assert service.workspace.wait_until_released(0)
    assert not addresses_file(tmp_path).exists()


def test_an_unusable_workspace_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="cannot use the workspace"):
        Service(Settings(workspace=tmp_path / "file"), processes=()).start()


def configured(
    workspace: Path, clickhouse: EmbeddedClickHouse, warehouse: Warehouse, servers: str, topic: str
) -> Settings:
    url = clickhouse.url.rsplit("/", 1)[0] + f"/{warehouse.database}"
    return Settings.model_validate(
        {
            "workspace": workspace,
            "clickhouse": {"url": url},
            "kafka": {"bootstrap_servers": servers, "topics": topic},
        }
    )


def test_configured_servers_are_used_and_none_is_started(
    tmp_path: Path, clickhouse: EmbeddedClickHouse, warehouse: Warehouse, broker: Broker
) -> None:
    topic = f"configured-{broker.kind}-{warehouse.database}"
    settings = configured(tmp_path, clickhouse, warehouse, broker.bootstrap_servers, topic)
    with Service(settings, processes=()) as service:
        assert children(tmp_path) == {}
        assert service.addresses.bootstrap_servers == broker.bootstrap_servers
        assert topic in topics_of(settings, broker.bootstrap_servers)


def test_a_configured_server_that_is_away_is_said_so(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"workspace": tmp_path, "clickhouse": {"url": "clickhouse://vigil:x@127.0.0.1:1/vigil"}}
    )
    service = Service(settings, processes=())
    with pytest.raises(WarehouseUnavailable, match=r"127\.0\.0\.1:1 does not answer"):
        service.start()
    assert service.workspace.wait_until_released(0)


def test_a_process_that_cannot_run_ends_the_service_with_its_last_words(
    tmp_path: Path, clickhouse: EmbeddedClickHouse, warehouse: Warehouse, tansu: EmbeddedBroker
) -> None:
    settings = configured(tmp_path, clickhouse, warehouse, tansu.bootstrap_servers, warehouse.database)
    service = Service(settings, processes=("no-such-command",))
    service.start()
    with pytest.raises(DependencyError, match=r"(?s)no-such-command failed once.*No such command 'no-such-command'"):
        service.wait(60)
    assert service.workspace.wait_until_released(0)


def test_a_stop_asked_for_before_the_end_of_the_start_is_an_end_and_no_failure(tmp_path: Path) -> None:
    service = Service(Settings(workspace=tmp_path), processes=())
    service.request_stop()
    service.start()
    assert not service.running
    assert service.wait(60)
    assert service.workspace.wait_until_released(0)
