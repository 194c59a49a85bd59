"""The demonstration's machinery: servers and processes that are gone when it ends, however it ends."""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from jobs.demo.gateway import Gateway
from jobs.demo.scene import Scene
from jobs.demo.surroundings import Values, as_settings, as_variables, clock_values, merged, play_values
from vigil.clock import Clock
from vigil.errors import DependencyError
from vigil.local.process import port_is_open
from vigil.local.service import Service
from vigil.record import Record, open_record
from vigil.settings import Settings
from vigil.warehouse import Warehouse, open_warehouse

_CONSOLE_START_S = 60.0


class Stage:
    """Use in this order: `with Stage(...)` (servers run), `raise_curtain`, `drop_curtain`, perhaps `keep_console`.

    Raises what Service raises: WorkspaceError or DependencyError.
    """

    def __init__(self, scene: Scene, folder: Path, *, port: int) -> None:
        self.scene = scene
        self.origin = scene.origin(datetime.now(UTC))
        self.gateway = Gateway(secret=secrets.token_hex(16))
        self._folder = folder
        self._port = port
        self._open = ExitStack()
        self._values: Values = {}
        self._work: Service | None = None
        self._console: Service | None = None

    def __enter__(self) -> Stage:
        try:
            self._start_servers()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def raise_curtain(self, lead_s: float) -> Clock:
        """Start vigil's processes on a clock that reaches the origin `lead_s` real seconds from now; returns that clock."""
        started = datetime.now(UTC) + timedelta(seconds=lead_s)
        self._values = merged(self._values, clock_values(self.origin, started, self.scene.speed))
        self._console = self._service("console", "dashboard", {"dashboard": {"port": self._port}})
        console = {"enforcement": {"console_url": self.console_url}}
        self._work = self._service("vigil", "ingest,jobs", console)
        return self.settings.make_clock()

    @property
    def settings(self) -> Settings:
        """The settings of vigil's processes."""
        return as_settings(self._values, self._folder / "vigil")

    @property
    def console_url(self) -> str:
        """Where the dashboard is."""
        assert self._console is not None
        assert self._console.addresses.dashboard_url is not None
        return self._console.addresses.dashboard_url

    def check(self) -> None:
        """Raises DependencyError when vigil's processes had to be given up."""
        assert self._work is not None
        self._work.wait(0)

    def drop_curtain(self) -> None:
        """End the processes that watch and act; servers and console stay."""
        assert self._work is not None
        self._work.stop()

    def keep_console(self, at: datetime) -> Service:
        """Start the console again, at the same address, on a clock that goes on from `at` at the usual pace."""
        assert self._console is not None
        port = int(self.console_url.rpartition(":")[2])
        self._console.stop()
        self._values = merged(self._values, clock_values(at, datetime.now(UTC), 1.0))
        self._console = self._service("console", "dashboard", {"dashboard": {"port": port}})
        deadline = time.monotonic() + _CONSOLE_START_S
        while not port_is_open(port):
            if time.monotonic() > deadline:
                raise DependencyError(f"the dashboard did not open {self.console_url} within {_CONSOLE_START_S:.0f} s")
            self._console.wait(0.1)
        return self._console

    def _start_servers(self) -> None:
        self._open.enter_context(self.gateway)
        servers = self._open.enter_context(Service(as_settings({}, self._folder / "servers"), processes=()))
        self._values = play_values(
            servers=servers.addresses.bootstrap_servers,
            clickhouse_url=servers.addresses.clickhouse_url,
            record=self._folder / "record.sqlite",
            gateway=self.gateway.url,
            secret=self.gateway.secret,
            hash_key=secrets.token_hex(16),
        )
        self.warehouse: Warehouse = open_warehouse(self.settings)
        self._open.callback(self.warehouse.close)
        self.record: Record = open_record(self.settings)
        self._open.callback(self.record.close)

    def _service(self, name: str, processes: str, values: Values) -> Service:
        own = merged(self._values, values)
        return self._open.enter_context(
            Service(
                as_settings(own, self._folder / name),
                processes=processes.split(","),
                environment=as_variables(own),
            )
        )
