"""A command line over a record of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.enforcement.console import Console, show_time
from tests.enforcement.sample import NOW, RING_THROTTLE, World, policy
from vigil.record import connect, sqlite_url
from vigil.settings import load


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """SQLite only: what the commands read and write is tested on both databases where it is made."""
    monkeypatch.setenv("VIGIL_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("VIGIL_DASHBOARD__ANALYST", "ana")
    monkeypatch.setenv("COLUMNS", "400")
    show_time(monkeypatch, NOW)
    opened = connect(sqlite_url(tmp_path / "record.sqlite"))
    clock = load().make_clock()
    yield Console(World(opened, [policy(tmp_path, RING_THROTTLE, mode="manual")], clock=clock))
    opened.close()
