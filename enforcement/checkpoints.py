"""The ledger's daily checkpoint goes out: into a file that should lie elsewhere, and into the log."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vigil.clock import Clock
from vigil.errors import UsageError, WorkspaceError
from vigil.log import get_logger
from vigil.record import Record, checkpoints
from vigil.record.checkpoints import Checkpoint, key_of
from vigil.settings import Settings

_LOG = get_logger("ledger")


class Checkpointer:
    """Signs the head of the ledger once a day. Run it as often as you like."""

    def __init__(self, record: Record, clock: Clock, settings: Settings) -> None:
        self._record = record
        self._clock = clock
        self._settings = settings

    @property
    def file(self) -> Path:
        """Where checkpoints are appended."""
        return self._settings.enforcement.checkpoint_file or self._settings.workspace / "ledger-checkpoints.jsonl"

    def run_once(self) -> Checkpoint | None:
        """Take the day's checkpoint and append what the file lacks; None when the day had one.

        What could not be appended (a full disk, a crash) is appended the next time. Raises WorkspaceError.
        """
        key = signing_key(self._settings)
        with self._record.write() as connection:
            taken = checkpoints.take(connection, key, self._clock.now())
            known = checkpoints.stored(connection)
        self._append(known)
        if taken is not None:
            _LOG.info("ledger checkpoint", day=taken.day, seq=taken.seq, hash=taken.hash, signature=taken.signature)
        return taken

    def _append(self, known: list[Checkpoint]) -> None:
        written = {one.day for one in read_file(self.file)} if self.file.exists() else set()
        missing = [one for one in known if one.day not in written]
        if not missing:
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("ab") as out:
                out.write(b"".join(msgspec.json.encode(one) + b"\n" for one in missing))
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise WorkspaceError(f"cannot append checkpoints to {self.file}: {error.strerror}") from error


def signing_key(settings: Settings) -> Ed25519PrivateKey:
    """The configured key, else the workspace's own, made on first use. Raises ConfigError or WorkspaceError."""
    configured = settings.enforcement.checkpoint_key
    if configured is not None:
        return key_of(configured.get_secret_value())
    file = settings.workspace / "ledger.key"
    try:
        settings.workspace.mkdir(parents=True, exist_ok=True)
        try:
            made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return key_of(file.read_text())
        with os.fdopen(made, "w") as out:
            out.write(secrets.token_hex(32))
        return key_of(file.read_text())
    except OSError as error:
        raise WorkspaceError(f"cannot use {file}: {error.strerror}; set VIGIL_ENFORCEMENT__CHECKPOINT_KEY") from error


def read_file(file: Path) -> list[Checkpoint]:
    """Checkpoints of a file, a JSON object a line. Raises UsageError naming the line."""
    found: list[Checkpoint] = []
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        try:
            found.append(msgspec.json.decode(line, type=Checkpoint))
        except msgspec.DecodeError as error:
            raise UsageError(f"{file}:{number}: not a checkpoint: {error}") from error
    return found
