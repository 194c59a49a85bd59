"""Parquet files as lines of JSON: a row is an event, a column is a key of the event."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow
import pyarrow.parquet

from vigil.errors import UsageError

_ROWS = 1_000


class ParquetReader:
    """An open Parquet file; iterate it once. Holds one row group's pages and 1,000 rows at a time."""

    def __init__(self, path: Path, file: pyarrow.parquet.ParquetFile) -> None:
        self._path = path
        self._file = file
        self._rows_read = 0

    def bytes_read(self) -> int:
        """How far the file has been read, by its rows."""
        rows = max(1, self._file.metadata.num_rows)
        return int(self._path.stat().st_size * self._rows_read / rows)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """(row number from 1, JSON) of every row."""
        try:
            for batch in self._file.iter_batches(batch_size=_ROWS):
                for row in batch.to_pylist(maps_as_pydicts="lossy"):
                    self._rows_read += 1
                    yield self._rows_read, msgspec.json.encode(_plain(row))
        except (pyarrow.ArrowException, OSError) as error:
            raise UsageError(
                f"{self._path} is damaged after row {self._rows_read}: {error}; the rows before it were read,"
                " restore the file for the rest"
            ) from error


@contextmanager
def open_parquet(path: Path) -> Iterator[ParquetReader]:
    """Open a file for reading its rows. Raises UsageError when it is no Parquet file."""
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(f"cannot read {path} as Parquet: {error}") from error
    with file:
        yield ParquetReader(path, file)


def _plain(value: Any) -> Any:
    """Times without an offset are in UTC, as Parquet has it; NaN is unknown."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    if isinstance(value, decimal.Decimal):
        return float(value)
    return None if value != value else value
