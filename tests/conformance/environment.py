"""The environment of real emitters: `.tools/emitters`, from hashed requirements, made once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LOCK = ROOT / "requirements" / "emitters.txt"
FOLDER = ROOT / ".tools" / "emitters"
_INSTALL_TIMEOUT_S = 300


def emitters_python() -> Path:
    """The interpreter of the environment; skips where it cannot be made, and fails there when CI=true."""
    FOLDER.parent.mkdir(exist_ok=True)
    # The tests run in several processes: one makes it, the others wait.
    with (FOLDER.parent / "emitters.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _installed()


def _installed() -> Path:
    python = FOLDER / "bin" / "python"
    stamp = FOLDER / f"installed-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"
    if stamp.exists():
        return python
    uv = shutil.which("uv") or str(ROOT / ".tools" / "uv" / "bin" / "uv")
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        for command in (
            [uv, "venv", "--quiet", "--python", ">=3.11", str(FOLDER)],
            [uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(LOCK)],
        ):
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", "") or str(error)
        reason = f"cannot install the real emitters from {LOCK.name}: {str(told)[-500:]}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    stamp.touch()
    return python
