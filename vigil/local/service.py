"""The whole service on one machine: servers, schemas, topics and vigil's own processes, started, watched and stopped."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from vigil.broker import topics
from vigil.clock import SystemClock
from vigil.errors import VigilError, WorkspaceError
from vigil.local.addresses import Addresses, addresses_file, console_url, write_addresses
from vigil.local.broker import EmbeddedBroker
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.local.machine import memory_bytes
from vigil.local.process import ChildProcess, free_port, python, require_free_port
from vigil.local.restart import RestartPolicy
from vigil.local.state import ServiceState, state_file, write_state
from vigil.local.supervisor import STOP_BUDGET_S, Child, Supervisor
from vigil.local.topics import create_topics
from vigil.local.workspace import Workspace
from vigil.log import get_logger
from vigil.record import open_record
from vigil.settings import Settings
from vigil.warehouse import Warehouse, migrate

PROCESSES = ("ingest", "jobs", "dashboard")
"""The `vigil` commands that `vigil up` runs, in the order of their start."""

_LOOK_EVERY_S = 0.2
_SHORTEN_EVERY_LOOKS = 300
_CLICKHOUSE_MEMORY_BYTES = 4 * 2**30


class Service:
    """Starts ClickHouse and the broker (unless settings name others), migrates, creates topics, runs `processes`.

    Use it as `with Service(settings) as service:`. A thread of its own owns the children, so they are watched while
    the caller does something else, and every one of them ends when this process does, however it ends.

    `config` is handed to the processes as `--config`; `environment` is added to theirs. `say` receives one sentence
    about each thing a person should know: a child that died, was started again, or was given up.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        processes: Sequence[str] = PROCESSES,
        config: Path | None = None,
        environment: Mapping[str, str] | None = None,
        say: Callable[[str], None] | None = None,
        policy: RestartPolicy | None = None,
    ) -> None:
        self._settings = settings
        self._processes = tuple(processes)
        self._config = config
        self._environment = dict(environment or {})
        self._say = say or get_logger("service").info
        self._policy = policy
        self.workspace = Workspace(settings.workspace)
        self._addresses: Addresses | None = None
        self._started_at = SystemClock().now()
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        # A daemon: should the main thread end without `stop`, the process ends, and its children with it.
        self._thread = threading.Thread(target=self._run, name="vigil-service", daemon=True)

    @property
    def addresses(self) -> Addresses:
        """Where everything listens; valid once started."""
        if self._addresses is None:
            raise WorkspaceError("the service has not started; call start() first")
        return self._addresses

    @property
    def running(self) -> bool:
        """Whether everything has been started and nobody has asked for the end."""
        return self._ready.is_set() and self._addresses is not None and not self._stopping.is_set()

    def start(self) -> None:
        """Start everything. Raises WorkspaceError, DependencyError, ConfigError or IntegrityError, with nothing left behind."""
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error

    def request_stop(self) -> None:
        """Ask for the end, without waiting; safe in a signal handler."""
        self._stopping.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the service has ended; False when time runs out first.

        Raises DependencyError when it ended because a child was given up.
        """
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        if self._error is not None:
            raise self._error
        return True

    def stop(self) -> None:
        """Stop all children in reverse order within STOP_BUDGET_S. Safe to call twice."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def __enter__(self) -> Service:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if kind is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self.workspace.prepare()
            with self.workspace.held(self._say) as keep_open:
                self._serve(keep_open)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the thread that waits for it raises it
            self._error = error
        finally:
            self._ready.set()

    def _serve(self, keep_open: int) -> None:
        folder = self.workspace.folder
        # Addresses of a start that was killed would send other commands to dead ports.
        addresses_file(folder).unlink(missing_ok=True)
        supervisor = Supervisor(self._say, policy=self._policy)
        try:
            self._start_all(supervisor, keep_open)
            self._ready.set()
            looks = 0
            while not self._stopping.wait(_LOOK_EVERY_S):
                if supervisor.tick():
                    self._publish(supervisor)
                looks += 1
                if looks % _SHORTEN_EVERY_LOOKS == 0:
                    with suppress(OSError):
                        supervisor.shorten_logs()
        except VigilError:
            # Told to stop in the middle of the start: that is an end, not a failure.
            if not self._stopping.is_set():
                raise
        finally:
            supervisor.stop(budget_s=STOP_BUDGET_S)
            for file in (addresses_file(folder), state_file(folder)):
                with suppress(OSError):
                    file.unlink(missing_ok=True)

    def _start_all(self, supervisor: Supervisor, keep_open: int) -> None:
        dashboard_port = self._free_ports()
        url = self._start_clickhouse(supervisor, keep_open)
        servers = self._start_broker(supervisor, keep_open)
        warehouse = Warehouse(url)
        try:
            migrate(warehouse)
        finally:
            warehouse.close()
        open_record(self._settings.model_copy(update={"workspace": self.workspace.folder})).close()
        self._addresses = Addresses(
            clickhouse_url=url,
            bootstrap_servers=servers,
            supervisor_pid=os.getpid(),
            dashboard_url=None
            if dashboard_port is None
            else console_url(self._settings.dashboard.address, dashboard_port),
        )
        write_addresses(self.workspace.folder, self._addresses)
        for name in self._processes:
            if self._stopping.is_set():
                return
            supervisor.start(self._vigil_process(name, dashboard_port, keep_open))
        self._publish(supervisor)

    def _start_clickhouse(self, supervisor: Supervisor, keep_open: int) -> str:
        if self._settings.clickhouse.url is not None:
            return self._settings.clickhouse.url.get_secret_value()
        server = EmbeddedClickHouse(
            self.workspace.folder / "clickhouse",
            self.workspace.log_file("clickhouse"),
            memory_bytes=min(_CLICKHOUSE_MEMORY_BYTES, memory_bytes() // 2),
            port=self._settings.local.clickhouse_port,
        )
        supervisor.start(
            Child(server.process, lambda: server.start(keep_open=[keep_open], interrupted=self._stopping), tier=0)
        )
        return server.url

    def _start_broker(self, supervisor: Supervisor, keep_open: int) -> str:
        names = [topic.name for topic in topics(self._settings)]
        if self._settings.kafka.bootstrap_servers is not None:
            create_topics(self._settings, self._settings.kafka.bootstrap_servers, names)
            return self._settings.kafka.bootstrap_servers
        broker = EmbeddedBroker(
            self.workspace.folder / "broker", self.workspace.log_file("broker"), port=self._settings.local.kafka_port
        )

        def start() -> None:
            broker.start(keep_open=[keep_open], interrupted=self._stopping)
            # It keeps nothing over a restart: the topics are made each time.
            create_topics(self._settings, broker.bootstrap_servers, names, embedded=True)

        supervisor.start(Child(broker.process, start, tier=1))
        return broker.bootstrap_servers

    def _vigil_process(self, name: str, dashboard_port: int | None, keep_open: int) -> Child:
        process = ChildProcess(name, self.workspace.log_file(name))
        program = python("vigil.cli", name)
        if self._config is not None:
            program += ["--config", str(self._config.absolute())]
        environment = {"VIGIL_WORKSPACE": str(self.workspace.folder), "PYTHONUNBUFFERED": "1", **self._environment}
        if name == "dashboard" and dashboard_port is not None:
            environment["VIGIL_DASHBOARD__PORT"] = str(dashboard_port)
        return Child(
            process,
            lambda: process.start(program, environment=environment, keep_open=[keep_open]),
            # Without the console events are still taken in, watched and acted on.
            essential=name != "dashboard",
            tier=2,
        )

    def _free_ports(self) -> int | None:
        """Look at the configured ports before anything starts; returns the dashboard's, None without a dashboard."""
        local = self._settings.local
        if self._settings.clickhouse.url is None and local.clickhouse_port:
            require_free_port(local.clickhouse_port, "ClickHouse")
        if self._settings.kafka.bootstrap_servers is None and local.kafka_port:
            require_free_port(local.kafka_port, "the Kafka broker")
        if "dashboard" not in self._processes:
            return None
        port = self._settings.dashboard.port or free_port()
        require_free_port(port, "the dashboard")
        return port

    def _publish(self, supervisor: Supervisor) -> None:
        state = ServiceState(pid=os.getpid(), started_at=self._started_at, children=supervisor.states())
        try:
            write_state(self.workspace.folder, state)
        except OSError as error:
            # A full disk must not end the watching.
            self._say(f"cannot write {state_file(self.workspace.folder)}: {error.strerror}; free space")
