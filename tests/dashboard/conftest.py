"""The story told once into ClickHouse and once into a record; each test gets a copy of the record and an app on both."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.dashboard.story import Story, tell_record, tell_warehouse
from vigil.clock import SimulatedClock
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.record import Record, connect, sqlite_url
from vigil.warehouse import Warehouse, migrate

NOW = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)

App = Callable[..., AppTest]


class Told(msgspec.Struct, frozen=True):
    """A record and a warehouse in which the story stands."""

    record: Record
    record_file: Path
    warehouse: Warehouse
    warehouse_url: str
    story: Story


@pytest.fixture(scope="session")
def told_warehouse(clickhouse: EmbeddedClickHouse) -> Iterator[tuple[Warehouse, str]]:
    """ClickHouse with the story, for tests that only read it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = clickhouse.url.rsplit("/", 1)[0] + "/" + name
    warehouse = Warehouse(url)
    migrate(warehouse)
    tell_warehouse(warehouse, NOW, hostile=True)
    yield warehouse, url
    warehouse.command(f"DROP DATABASE {name} SYNC")
    warehouse.close()


@pytest.fixture(scope="session")
def told_record_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Story]:
    """An SQLite record with the story, to copy."""
    file = tmp_path_factory.mktemp("story") / "record.sqlite"
    record = connect(sqlite_url(file))
    story = tell_record(record, NOW, hostile=True)
    record.close()
    return file, story


@pytest.fixture
def told(told_warehouse: tuple[Warehouse, str], told_record_file: tuple[Path, Story], tmp_path: Path) -> Iterator[Told]:
    """The story in both stores; the record is this test's own."""
    source, story = told_record_file
    file = tmp_path / "record.sqlite"
    shutil.copy(source, file)
    record = connect(sqlite_url(file))
    warehouse, url = told_warehouse
    yield Told(record, file, warehouse, url, story)
    record.close()


@pytest.fixture
def story_on_each(record: Record) -> Story:
    """The story in the record of each database."""
    return tell_record(record, NOW, hostile=True)


@pytest.fixture
def clock() -> SimulatedClock:
    """A clock that stands at the end of the story."""
    return SimulatedClock(NOW)


@pytest.fixture
def app(told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[App]:
    """Opens a page of the console over the told story: `app("incident", id=…)`."""
    monkeypatch.setenv("VIGIL_RECORD__URL", sqlite_url(told.record_file))
    monkeypatch.setenv("VIGIL_CLICKHOUSE__URL", told.warehouse_url)
    yield from opened(monkeypatch, tmp_path)


@pytest.fixture
def empty_app(
    warehouse: Warehouse, clickhouse: EmbeddedClickHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[App]:
    """The same over stores in which nothing has happened yet."""
    monkeypatch.setenv("VIGIL_RECORD__URL", sqlite_url(tmp_path / "empty.sqlite"))
    monkeypatch.setenv("VIGIL_CLICKHOUSE__URL", clickhouse.url.rsplit("/", 1)[0] + "/" + warehouse.database)
    yield from opened(monkeypatch, tmp_path)


def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[App]:
    """An app in which it is the end of the story."""
    monkeypatch.setenv("VIGIL_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("VIGIL_DASHBOARD__ANALYST", "r.okafor")
    monkeypatch.setenv("VIGIL_CLOCK__ORIGIN", NOW.isoformat())
    monkeypatch.setenv("VIGIL_CLOCK__STARTED", datetime.now(UTC).isoformat())
    # As good as standing still, so that the pages say the same however long they take.
    monkeypatch.setenv("VIGIL_CLOCK__SPEED", "0.000001")

    def open_page(name: str = "incidents", **query: str) -> AppTest:
        tested = AppTest.from_file(str(Path("dashboard/app.py").absolute()), default_timeout=30)
        if name != "incidents":
            # Before the entry script has run, AppTest finds a page by its file's name, which is its address.
            tested.switch_page(f"app_pages/{name}.py")
        for key, value in query.items():
            tested.query_params[key] = value
        return tested.run()

    st.cache_resource.clear()
    yield open_page
    st.cache_resource.clear()
