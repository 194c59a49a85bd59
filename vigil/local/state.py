"""What the running service says of itself, for `vigil status`: written by the supervisor, read by anybody."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from vigil.local.supervisor import ChildState
from vigil.local.workspace import write_private


class ServiceState(msgspec.Struct, frozen=True):
    """The service and its children."""

    pid: int
    started_at: datetime
    children: tuple[ChildState, ...]


def state_file(workspace: Path) -> Path:
    """Where the state is kept."""
    return workspace / "service.json"


def write_state(workspace: Path, state: ServiceState) -> None:
    """Write atomically. Raises OSError."""
    write_private(state_file(workspace), msgspec.json.encode(state))


def read_state(workspace: Path) -> ServiceState | None:
    """The last state written; None when there is none or it cannot be read. Whether it still holds is the lock's matter."""
    try:
        return msgspec.json.decode(state_file(workspace).read_bytes(), type=ServiceState)
    except (OSError, msgspec.DecodeError):
        return None
