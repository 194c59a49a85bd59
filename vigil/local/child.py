"""Run as `python -m vigil.local.child SIGNAL PARENT_PID PROGRAM ARG …`: exec a program that dies with its parent.

The kernel sends SIGNAL (a number) when the parent ends, however it ends, so a killed supervisor leaves nothing behind.
`clickhouse-embedded` as PROGRAM runs the server inside the chdb library in this very process.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
EMBEDDED_CLICKHOUSE = "clickhouse-embedded"


def die_with_parent(signal_number: int, parent_pid: int) -> None:
    """Ask Linux for a signal on the parent's death; leave at once if it has died already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent_pid:
        raise SystemExit(f"the parent {parent_pid} has ended")


def chdb_library() -> Path | None:
    """The server's shared object inside the chdb wheel, found without importing chdb; None without the wheel."""
    spec = importlib.util.find_spec("chdb")
    for location in (spec.submodule_search_locations or []) if spec else []:
        if (library := Path(location) / "_chdb.abi3.so").is_file():
            return library
    return None


def run_embedded_clickhouse(arguments: list[str]) -> int:
    """Run the ClickHouse server's main function; returns its exit status."""
    library = chdb_library()
    if library is None:
        raise SystemExit("the chdb wheel is not installed; run `make install`, or put a `clickhouse` binary on PATH")
    server = ctypes.CDLL(str(library))
    argv = [b"clickhouse-server", *(argument.encode() for argument in arguments)]
    status: int = server._Z25mainEntryClickHouseServeriPPc(len(argv), (ctypes.c_char_p * (len(argv) + 1))(*argv, None))
    return status


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]), int(sys.argv[2]))
    program, rest = sys.argv[3], sys.argv[4:]
    if program == EMBEDDED_CLICKHOUSE:
        raise SystemExit(run_embedded_clickhouse(rest))
    os.execvp(program, [program, *rest])
