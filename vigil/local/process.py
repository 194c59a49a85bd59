"""Child processes that are started, waited for, stopped and never left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vigil.errors import DependencyError, WorkspaceError


class ChildProcess:
    """One child whose output goes to a log file. It receives SIGTERM (or SIGKILL) when this process ends.

    Start it from a thread that outlives it, such as the main thread: Linux sends the death signal when that thread ends.
    """

    def __init__(self, name: str, log_file: Path) -> None:
        self.name = name
        self.log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None
        self._stop_requested = False

    def start(
        self,
        program: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        death_signal: int = signal.SIGTERM,
        folder: Path | None = None,
        keep_open: Sequence[int] = (),
    ) -> None:
        """Start `program` in `folder` (the current one by default); it inherits the descriptors in `keep_open`.

        Raises WorkspaceError when the log cannot be written.
        """
        command = python("vigil.local.child", str(int(death_signal)), str(os.getpid()), *program)
        try:
            self.log_file.parent.mkdir(parents=True, exist_ok=True)
            with self.log_file.open("ab") as log:
                self._stop_requested = False
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(environment or {})},
                    cwd=folder,
                    pass_fds=keep_open,
                    # Ctrl-C reaches the supervisor only, which stops its children in order.
                    start_new_session=True,
                )
        except OSError as error:
            raise WorkspaceError(
                f"cannot start {self.name}, log {self.log_file}: {error.strerror}; check the workspace"
            ) from error

    @property
    def pid(self) -> int | None:
        """The child's process id, None before `start`."""
        return self._process.pid if self._process else None

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.poll() if self._process else None

    def wait_until(
        self, ready: Callable[[], bool], *, timeout_s: float, interrupted: threading.Event | None = None
    ) -> None:
        """Wait until `ready()`. Raises DependencyError with the log's end when the child dies or time runs out.

        Raises it as well as soon as `interrupted` is set.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            # The child first: `ready` may be answered by a stranger on the same port.
            status = self.poll()
            if status is not None:
                raise DependencyError(
                    f"{self.name} ended with status {status} while starting; the end of {self.log_file}:\n{self.log_tail()}"
                )
            if ready():
                return
            if interrupted is not None and interrupted.is_set():
                raise DependencyError(f"{self.name} was told to stop while it started")
            if time.monotonic() > deadline:
                raise DependencyError(
                    f"{self.name} was not ready after {timeout_s:.0f} s; the end of {self.log_file}:\n{self.log_tail()}"
                )
            time.sleep(0.02)

    def log_tail(self, lines: int = 8) -> str:
        """The last lines of the child's log."""
        try:
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

    def request_stop(self) -> None:
        """SIGTERM, without waiting. Once only: many servers take a second one as `at once, unclean`."""
        if self._process is not None and self._process.poll() is None and not self._stop_requested:
            self._stop_requested = True
            self._process.terminate()

    def stop(self, *, timeout_s: float = 20.0) -> int | None:
        """SIGTERM, then SIGKILL after `timeout_s`; returns the exit status. Safe to call twice."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self.request_stop()
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return self._process.returncode

    def kill(self) -> None:
        """SIGKILL, as the fault tests do."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def python(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of vigil. `-P`: a `jobs` or `queue.py` in the current folder is not ours."""
    return [sys.executable, "-P", "-m", module, *arguments]


def free_port() -> int:
    """A TCP port on 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require_free_port(port: int, what: str) -> None:
    """Raises WorkspaceError when something else listens on `port` of 127.0.0.1."""
    with socket.socket() as probe:
        # As servers do: connections of a predecessor that linger in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise WorkspaceError(
                f"port {port} for {what} cannot be used: {error.strerror}; end the program that holds it"
                f" (`ss -ltnp 'sport = :{port}'` names it) or choose another port"
            ) from error


def port_is_open(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something on `host` accepts connections on `port`."""
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True
