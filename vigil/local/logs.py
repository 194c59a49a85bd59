"""Log files that stay bounded: one file and its predecessor for each child."""

from __future__ import annotations

import shutil
from pathlib import Path

LARGEST_BYTES = 32 * 2**20


def shorten(log_file: Path, largest_bytes: int = LARGEST_BYTES) -> bool:
    """Move a log above `largest_bytes` to `NAME.1`; returns whether it did.

    The file is copied and cut, not renamed: its writer keeps it open, in append mode. Lines written between copy and
    cut are lost.
    """
    try:
        if log_file.stat().st_size <= largest_bytes:
            return False
        shutil.copyfile(log_file, log_file.with_name(log_file.name + ".1"))
    except FileNotFoundError:
        return False
    finally:
        # On a full disk the copy fails; the cut is then all the more needed.
        if log_file.exists() and log_file.stat().st_size > largest_bytes:
            with log_file.open("r+b") as stream:
                stream.truncate(0)
    return True
