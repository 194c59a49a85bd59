"""Files of events: every line becomes an event or a dead letter, whatever the file's size and whatever is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ingest.enrich.addresses import load_hash_key
from ingest.file_positions import FIRST_LINE, FilePositions, alone, file_id
from ingest.lines import LineReader, open_lines
from ingest.origin import Origin
from ingest.outcome import Accepted, DeadLetter
from ingest.pipeline import Pipeline
from ingest.ranges import RangeLedger
from ingest.writer import EventWriter, Written
from vigil import __version__
from vigil.clock import Clock
from vigil.errors import UsageError
from vigil.ids import NextOffset
from vigil.settings import Settings
from vigil.warehouse import Warehouse

if TYPE_CHECKING:
    from ingest.parquet import ParquetReader

Progress = Callable[[int, int], None]
"""Called after each batch with (bytes of the file read, lines read)."""

Line = tuple[int, bytes]

_PARQUET = b"PAR1"


class FileReport(msgspec.Struct, frozen=True):
    """What became of a file's lines. Blank lines are not events and are not counted."""

    file: str
    lines: int
    written: int
    dead_lettered: int
    imported_before: int = 0
    """Lines (blank ones too) that an earlier import of the same file had written; not counted in the others."""


def read_lines(path: Path, *, max_bytes: int = 4 * 2**20) -> Iterator[Line]:
    """(line number from 1, bytes) of every line that is not blank; see `ingest.lines.LineReader`."""
    with open_lines(path, max_bytes=max_bytes) as lines:
        yield from lines


def ingest_file(
    path: Path,
    settings: Settings,
    clock: Clock,
    warehouse: Warehouse,
    *,
    dialect: str = "canonical",
    progress: Progress | None = None,
) -> FileReport:
    """Write every line (row) of `path` as an event or a dead letter, in batches, going on where an import stopped.

    Raises UsageError (the file cannot be read to its end; what could be read is written) and WarehouseUnavailable
    (start again: it goes on there, and what was written is not written twice).
    """
    importer = _Importer(path, settings, clock, warehouse, dialect)
    with alone(path):
        positions = FilePositions(warehouse, path, file_id(path, importer.decided_by))
        ledger = positions.recovered()
        before = ledger.next - FIRST_LINE
        lines = events = dead_letters = 0
        with _opened(path, settings.ingest.max_event_bytes) as reader:
            rest = ((number, raw) for number, raw in reader if number >= ledger.next)
            batches = _batches(rest, settings.ingest.batch_rows, settings.ingest.batch_bytes, ledger)
            for batch in batches:
                if ledger.plan is None:
                    ledger = ledger.planned(NextOffset(batch[-1][0] + 1), clock.now())
                    positions.save(ledger)
                written = importer.write(batch, ledger)
                ledger = ledger.stored()
                lines += len(batch)
                events += written.events
                dead_letters += written.dead_letters
                if progress is not None:
                    progress(reader.bytes_read(), lines)
        positions.save(ledger)
    return FileReport(str(path), lines, events, dead_letters, before)


@contextmanager
def _opened(path: Path, max_bytes: int) -> Iterator[LineReader | ParquetReader]:
    """The file as numbered JSON documents, whichever way it is written."""
    with path.open("rb") as file:
        is_parquet = file.read(len(_PARQUET)) == _PARQUET
    if not is_parquet:
        with open_lines(path, max_bytes=max_bytes) as lines:
            yield lines
        return
    from ingest.parquet import open_parquet

    with open_parquet(path) as rows:
        yield rows


class _Importer:
    """Writes batches of one file's lines."""

    def __init__(self, path: Path, settings: Settings, clock: Clock, warehouse: Warehouse, dialect: str) -> None:
        self._path = str(path)
        self._source = source_name(path)
        self._dialect = dialect
        self._pipeline = Pipeline(settings, clock, trust_tenant=True, hash_key=load_hash_key(settings))
        self._writer = EventWriter(warehouse)
        # What decides about a line, besides the line: another decision needs another token.
        limits = settings.ingest
        decided_by = [__version__, self._source, dialect, limits.default_tenant, limits.default_source]
        decided_by += [str(limits.max_age_days), str(limits.max_future_minutes), str(limits.max_event_bytes)]
        self.decided_by = repr(decided_by).encode()

    def write(self, batch: list[Line], ledger: RangeLedger) -> Written:
        """Judge the lines of the planned range as of its moment, and store them."""
        assert ledger.plan is not None
        accepted: list[Accepted] = []
        dead: list[DeadLetter] = []
        now = ledger.plan.at
        for number, raw in batch:
            origin = Origin(file=self._path, line=number, source=self._source)
            for outcome in self._pipeline.accept(raw, origin, self._dialect, now=now):
                if isinstance(outcome, Accepted):
                    accepted.append(outcome)
                else:
                    dead.append(outcome)
        return self._writer.write(accepted, dead, token=self._token(batch))

    def _token(self, batch: list[Line]) -> str:
        """Digest of the lines themselves: the same file again changes nothing, another one is never taken for it."""
        state = hashlib.blake2b(self.decided_by, digest_size=16)
        for number, raw in batch:
            state.update(b"%d:%d:" % (number, len(raw)))
            state.update(raw)
        return f"file:{state.hexdigest()}:{batch[0][0]}-{batch[-1][0]}"


def source_name(path: Path) -> str:
    """The source of events in a file that name none: the file's name without its endings."""
    return path.name.split(".", 1)[0] or path.name


def _batches(lines: Iterator[Line], max_rows: int, max_bytes: int, ledger: RangeLedger) -> Iterator[list[Line]]:
    """Lines in batches of limited rows and bytes, the planned range first. Damage is reported after the last batch."""
    planned = None if ledger.plan is None else ledger.plan.hi
    batch: list[Line] = []
    size = 0
    damage: UsageError | None = None
    while True:
        try:
            line = next(lines, None)
        except UsageError as error:
            line, damage = None, error
        if line is None:
            break
        batch.append(line)
        size += len(line[1])
        if line[0] + 1 >= planned if planned is not None else len(batch) >= max_rows or size >= max_bytes:
            yield batch
            batch, size, planned = [], 0, None
    if batch:
        yield batch
    if damage is not None:
        raise damage
