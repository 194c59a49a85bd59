"""Running the service in the foreground or detached, and ending it from another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from vigil.errors import DependencyError, WorkspaceError
from vigil.local.addresses import Addresses, read_addresses
from vigil.local.service import STOP_BUDGET_S, Service
from vigil.local.state import read_state
from vigil.local.workspace import Workspace
from vigil.settings import Settings

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextmanager
def stopped_by_signals(service: Service, say: Callable[[str], None]) -> Iterator[None]:
    """Inside, SIGTERM, SIGINT (Ctrl-C) and SIGHUP ask the service to stop. Main thread only."""

    def ask(number: int, _: FrameType | None) -> None:
        say(f"{signal.Signals(number).name}: stopping all processes, which may take {STOP_BUDGET_S:.0f} s")
        service.request_stop()

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_in_foreground(service: Service, say: Callable[[str], None], started: Callable[[Addresses], None]) -> None:
    """Start, call `started`, and stay until a signal or `vigil down` ends it. Raises as Service.start and Service.wait do."""
    with stopped_by_signals(service, say):
        try:
            service.start()
            if service.running:
                started(service.addresses)
            service.wait()
        finally:
            service.stop()


def start_detached(settings: Settings, arguments: list[str], *, timeout_s: float = 120.0) -> Addresses:
    """Run `vigil up ARGUMENTS` in a session of its own; returns once everything runs.

    Raises DependencyError with the end of its log, and its exit status, when it does not come up.
    """
    workspace = Workspace(settings.workspace)
    workspace.prepare()
    if (holder := workspace.holder()) is not None:
        raise WorkspaceError(
            f"the workspace {workspace.folder} is in use by process {holder}; stop it with `vigil down`"
            " or choose another VIGIL_WORKSPACE"
        )
    log_file = workspace.log_file("service")
    start = log_file.stat().st_size if log_file.exists() else 0
    with log_file.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "vigil.cli", "up", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "VIGIL_WORKSPACE": str(workspace.folder), "PYTHONUNBUFFERED": "1"},
        )
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        state = read_state(workspace.folder)
        if state is not None and state.pid == child.pid:
            # It goes on without us: nobody waits for it here any more.
            child.returncode = 0
            return read_addresses(workspace.folder)
        if child.poll() is not None:
            raise _ended(child.returncode, log_file, start)
        time.sleep(0.05)
    child.terminate()
    child.wait(STOP_BUDGET_S + 5)
    raise DependencyError(f"the service was not ready after {timeout_s:.0f} s; its log is {log_file}")


def _ended(status: int, log_file: Path, start: int) -> DependencyError:
    text = log_file.read_bytes()[start:].decode(errors="replace").strip()
    error = DependencyError(text.removeprefix("vigil: ") or f"the service ended with status {status}; see {log_file}")
    error.exit_code = status
    return error


def stop_from_outside(settings: Settings, say: Callable[[str], None]) -> bool:
    """End the service of the workspace and wait for its last child; False when nothing ran.

    Raises WorkspaceError when it may not be signalled or does not end in time.
    """
    workspace = Workspace(settings.workspace)
    holder = workspace.holder()
    if holder is not None:
        say(f"stopping process {holder}")
        try:
            os.kill(holder, signal.SIGTERM)
        except ProcessLookupError:
            pass  # it has just ended by itself
        except PermissionError as error:
            raise WorkspaceError(
                f"process {holder} belongs to another user; stop it as that user or as root"
            ) from error
    elif not workspace.folder.is_dir() or workspace.wait_until_released(0):
        return False
    if not workspace.wait_until_released(STOP_BUDGET_S + 10):
        raise WorkspaceError(
            f"the service in {workspace.folder} has not ended after {STOP_BUDGET_S + 10:.0f} s;"
            f" see {workspace.logs}, and end it with `kill -9 {holder or '…'}`: its children end with it"
        )
    return True
