"""Looking at the processes of a service, and standing in a port's way."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vigil.local.state import read_state


def is_alive(pid: int) -> bool:
    """Whether the process runs: a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(workspace: Path) -> dict[str, int]:
    state = read_state(workspace)
    assert state is not None
    return {child.name: child.pid for child in state.children if child.pid is not None}


@contextmanager
def listening_port() -> Iterator[int]:
    """A port on 127.0.0.1 that is taken as long as the context lasts."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]
