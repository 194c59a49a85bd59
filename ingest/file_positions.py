"""How far a file has been imported: the range ledger's position, kept in ClickHouse as Kafka keeps a partition's."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.ranges import Position, RangeLedger, recovered
from vigil.errors import UsageError
from vigil.ids import NextOffset
from vigil.warehouse import Warehouse

FIRST_LINE = NextOffset(1)


def file_id(path: Path, decided_by: bytes) -> str:
    """Digest of the file's bytes and of what decides about its lines: another file or decision is another import."""
    state = hashlib.blake2b(decided_by, digest_size=16)
    try:
        with path.open("rb") as file:
            while block := file.read(2**20):
                state.update(block)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    return state.hexdigest()


class FilePositions:
    """The position of one file in one warehouse."""

    def __init__(self, warehouse: Warehouse, path: Path, identity: str) -> None:
        self._warehouse = warehouse
        self._path = path
        self._identity = identity

    def recovered(self) -> RangeLedger:
        """Where the last import of this file stopped; a planned range has to be written once more."""
        rows = self._warehouse.query(
            "SELECT next, metadata FROM import_positions WHERE file_id = {id:String} ORDER BY saved_at DESC, next DESC LIMIT 1",
            {"id": self._identity},
        )
        position = Position(NextOffset(rows[0][0]), rows[0][1]) if rows else None
        return recovered(position, self._identity, 0, FIRST_LINE)

    def save(self, ledger: RangeLedger) -> None:
        """Say what is stored and what is planned."""
        position = ledger.position
        columns = ["file_id", "file", "next", "metadata"]
        self._warehouse.insert(
            "import_positions", columns, [[self._identity], [str(self._path)], [position.offset], [position.metadata]]
        )


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other imports of the file on this machine away. Raises UsageError when one is running."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{path} is being imported by another process; wait for it") from None
        yield
