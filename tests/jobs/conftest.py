"""A loop to schedule: real parts, a record on disk, effects into a list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enforcement.adapters import make_recording_adapters
from enforcement.policies import load_policies
from jobs.loop import Loop
from vigil.clock import Clock, SimulatedClock
from vigil.record import Record, connect, sqlite_url
from vigil.settings import Settings
from vigil.warehouse import Warehouse

NOWHERE = "clickhouse://vigil:x@127.0.0.1:1/vigil"
"""Nothing listens on port 1."""

LoopMaker = Callable[..., Loop]


class HandClock(SimulatedClock):
    """Moved by hand, but its spans take as long as they say."""

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds()


@pytest.fixture
def hand_clock() -> HandClock:
    return HandClock(datetime(2026, 11, 1, 12, 0, tzinfo=UTC))


@pytest.fixture
def local_record(tmp_path: Path) -> Iterator[Record]:
    opened = connect(sqlite_url(tmp_path / "record.sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def make_loop(local_record: Record) -> LoopMaker:
    def make(clock: Clock, warehouse: Warehouse | None = None) -> Loop:
        store = warehouse or Warehouse(NOWHERE)
        return Loop(store, local_record, clock, Settings(), load_policies(None), make_recording_adapters())

    return make
