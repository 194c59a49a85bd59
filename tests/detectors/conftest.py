"""A record for tests in which the database does not matter, and a runner over given detectors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vigil.record import Record, connect, sqlite_url


@pytest.fixture
def sqlite_record(tmp_path: Path) -> Iterator[Record]:
    """An empty SQLite record."""
    opened = connect(sqlite_url(tmp_path / "record.sqlite"))
    yield opened
    opened.close()
