"""A throw-away PostgreSQL server from Debian's binaries, as an ordinary user even when the tests run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vigil.local.process import free_port


def postgres_binaries() -> Path | None:
    """The folder of `initdb` and `postgres`, newest first; None when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    return found[0].parent if found else None


@contextmanager
def running_postgres(binaries: Path, folder: Path) -> Iterator[str]:
    """Start a server with its data in `folder`; yields the URL of its `postgres` database.

    The folder must not lie under pytest's: each pytest that starts closes that to other users again.
    """
    user = None
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        user = "postgres"
        owner = pwd.getpwnam(user)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data, port = folder / "data", free_port()
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "vigil", "--auth=trust", "--no-sync"],
        user=user,
        check=True,
        capture_output=True,
        cwd="/",
    )
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                binaries / "postgres",
                "-D",
                data,
                "-p",
                str(port),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                f"unix_socket_directories={folder}",
                "-c",
                "fsync=off",
            ],
            user=user,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
        )
    try:
        ready: list[str | Path] = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
        while subprocess.run(ready, capture_output=True, check=False).returncode != 0:
            if server.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended: {(folder / 'log').read_text()}")
        yield f"postgresql://vigil@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(data, ignore_errors=True)
