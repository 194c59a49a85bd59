"""The workspace: the folder with the data, logs, addresses and locks of the embedded stack on one machine."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vigil.errors import WorkspaceError

# Below this ClickHouse may start and then fail in the middle of a merge.
LEAST_FREE_BYTES = 256 * 2**20


class Workspace:
    """One folder, used by one service at a time.

    Two locks, which the kernel releases however their holders end:
    `lock` belongs to the supervisor, `children.lock` to its children, who inherit it. So after the supervisor was
    killed, the next one knows whether a child of its predecessor still runs. (ClickHouse closes what it inherits; its
    own lock serves in its place, see clickhouse.py.)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.logs = self.folder / "logs"

    def log_file(self, name: str) -> Path:
        """Where the child `name` logs."""
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Create what is missing. Raises WorkspaceError when the folder cannot be written or is (nearly) full."""
        try:
            make_private(self.folder)
            make_private(self.logs)
            ignore = self.folder / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
            write_private(self.folder / ".probe", b"x" * 4096)
            (self.folder / ".probe").unlink()
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise unusable(self.folder, error) from error
        if free < LEAST_FREE_BYTES:
            raise WorkspaceError(
                f"only {free / 2**20:.0f} MiB are free in the workspace {self.folder}, at least"
                f" {LEAST_FREE_BYTES / 2**20:.0f} MiB are needed; free space or choose another VIGIL_WORKSPACE"
            )

    @contextmanager
    def held(self, say: Callable[[str], None], *, patience_s: float = 30.0) -> Iterator[int]:
        """Hold the workspace; yields the descriptor that children inherit (`ChildProcess.start(keep_open=…)`).

        Raises WorkspaceError when another service holds it, or when children of a killed one do not end within
        `patience_s`.
        """
        with _opened(self.folder / "lock") as lock, _opened(self.folder / "children.lock") as children:
            # `holder()` takes the lock for a moment to ask whose it is.
            if not lock_within(lock, 1.0):
                pid = _read_pid(lock)
                raise WorkspaceError(
                    f"the workspace {self.folder} is in use by process {pid or '(starting)'};"
                    " stop it with `vigil down` or choose another VIGIL_WORKSPACE"
                )
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
            if not lock_within(children, 0):
                say("waiting for the servers of an earlier, killed start to end")
                if not lock_within(children, patience_s):
                    raise WorkspaceError(
                        f"servers of an earlier start in {self.folder} still run after {patience_s:.0f} s; end them"
                        f" (`fuser {self.folder / 'children.lock'}` lists them) and try again"
                    )
            yield children

    def holder(self) -> int | None:
        """The process id of the service that holds the workspace, None when none does."""
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise unusable(self.folder, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_pid(descriptor)
        else:
            return None
        finally:
            os.close(descriptor)

    def wait_until_released(self, timeout_s: float) -> bool:
        """Wait until neither a service nor a child of one holds the workspace; False when time runs out first."""
        with _opened(self.folder / "lock") as lock, _opened(self.folder / "children.lock") as children:
            deadline = time.monotonic() + timeout_s
            return lock_within(lock, timeout_s) and lock_within(children, max(0.0, deadline - time.monotonic()))


def make_private(folder: Path) -> None:
    """Make a folder for its owner only, when it is missing: it will hold what people wrote to models. Raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def write_private(target: Path, data: bytes) -> None:
    """Write atomically, readable by the owner only."""
    temporary = target.with_name(target.name + ".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
    temporary.replace(target)


def unusable(folder: Path, error: OSError) -> WorkspaceError:
    """The error a person reads when the file system refuses something in the workspace."""
    mend = "free space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "make it a folder you may write"
    return WorkspaceError(
        f"cannot use the workspace {folder}: {error.strerror} ({error.filename or folder});"
        f" {mend} or choose another VIGIL_WORKSPACE"
    )


def lock_within(descriptor: int, seconds: float) -> bool:
    """Take the exclusive `flock` of an open file, waiting for it; False when time runs out first."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        else:
            return True


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unusable(path.parent, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read_pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None
