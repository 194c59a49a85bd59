"""The service seen from another process: started detached, and ended. Light imports: `vigil down` must be quick."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vigil.errors import DependencyError, WorkspaceError
from vigil.local.addresses import Addresses, read_addresses
from vigil.local.process import python
from vigil.local.state import read_state
from vigil.local.supervisor import STOP_BUDGET_S
from vigil.local.workspace import Workspace
from vigil.settings import Settings


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
            python("vigil.cli", "up", *arguments),
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
    try:
        child.wait(STOP_BUDGET_S + 5)
    except subprocess.TimeoutExpired:
        child.kill()  # its children end with it
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
        if not _terminated(holder, STOP_BUDGET_S + 10):
            raise WorkspaceError(
                f"the service in {workspace.folder} has not ended after {STOP_BUDGET_S + 10:.0f} s; see"
                f" {workspace.logs}, and end it with `kill -9 {holder}`: its children end with it"
            )
    elif not workspace.folder.is_dir() or workspace.wait_until_released(0):
        return False
    if not workspace.wait_until_released(STOP_BUDGET_S):
        raise WorkspaceError(
            f"processes of an earlier, killed start in {workspace.folder} still run after {STOP_BUDGET_S:.0f} s;"
            f" end them: `fuser {workspace.folder / 'children.lock'}` lists them"
        )
    return True


def _terminated(pid: int, timeout_s: float) -> bool:
    """Send SIGTERM and wait for the end of the process (no child of ours); False when time runs out first."""
    try:
        # A descriptor of the process, not its number: it never means another process.
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True  # it has just ended by itself
    try:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGTERM)
        ended, _, _ = select.select([process], [], [], timeout_s)
        return bool(ended)
    except PermissionError as error:
        raise WorkspaceError(f"process {pid} belongs to another user; stop it as that user or as root") from error
    finally:
        os.close(process)
