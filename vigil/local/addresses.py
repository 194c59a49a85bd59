"""Where the embedded stack of a workspace listens: written by `vigil up`, read by every other command."""

from __future__ import annotations

from pathlib import Path

import msgspec

from vigil.errors import WorkspaceError
from vigil.local.workspace import write_private

WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104  # to be told apart, not bound
"""Addresses that mean: listen everywhere."""


def reachable_host(address: str) -> str:
    """Where a program on this machine reaches what listens on `address`."""
    return "127.0.0.1" if address in WILDCARDS else address


def console_url(address: str, port: int) -> str:
    """The address of the console for a browser on this machine.

    >>> console_url("0.0.0.0", 8501), console_url("::1", 8501)
    ('http://127.0.0.1:8501', 'http://[::1]:8501')
    """
    host = reachable_host(address)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Addresses(msgspec.Struct, frozen=True):
    """Addresses of a running embedded stack. The file holds a password: it is readable by its owner only."""

    clickhouse_url: str
    bootstrap_servers: str
    supervisor_pid: int
    dashboard_url: str | None = None


def addresses_file(workspace: Path) -> Path:
    """The file that says where the stack listens."""
    return workspace / "addresses.json"


def write_addresses(workspace: Path, addresses: Addresses) -> None:
    """Write atomically, mode 0600."""
    write_private(addresses_file(workspace), msgspec.json.encode(addresses))


def read_addresses(workspace: Path) -> Addresses:
    """Raises WorkspaceError when no stack runs in this workspace."""
    try:
        return msgspec.json.decode(addresses_file(workspace).read_bytes(), type=Addresses)
    except FileNotFoundError:
        raise WorkspaceError(
            f"no embedded stack runs in {workspace.resolve()}; start one with `vigil up`,"
            " or set VIGIL_CLICKHOUSE__URL and VIGIL_KAFKA__BOOTSTRAP_SERVERS"
        ) from None
    except msgspec.DecodeError as error:
        raise WorkspaceError(
            f"{addresses_file(workspace)} is damaged ({error}); run `vigil down`, then `vigil up`"
        ) from error
