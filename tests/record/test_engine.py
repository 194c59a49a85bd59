"""Opening, migrating and writing the record, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from vigil.errors import ConfigError, RecordUnavailable
from vigil.record import Record, connect, engine, open_record, revisions, sqlite_url
from vigil.record.schema import ledger
from vigil.settings import Settings

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ENTRY = {"seq": 1, "at": NOW, "actor": "a", "entry_type": "t", "payload": "{}", "prev_hash": "", "hash": "h"}


def test_times_come_back_in_utc(record: Record) -> None:
    with record.write() as connection:
        connection.execute(insert(ledger).values(ENTRY))
    with record.read() as connection:
        assert connection.execute(select(ledger.c.at)).scalar_one() == NOW


@pytest.mark.parametrize("statement", ["UPDATE ledger SET payload = 'x'", "DELETE FROM ledger"])
def test_the_database_itself_forbids_changing_the_ledger(record: Record, statement: str) -> None:
    with record.write() as connection:
        connection.execute(insert(ledger).values(ENTRY))
    with pytest.raises((DBAPIError, RecordUnavailable), match="append-only"), record.write() as connection:
        connection.execute(text(statement))


def test_a_failed_transaction_leaves_nothing(record: Record) -> None:
    with pytest.raises(ZeroDivisionError), record.write() as connection:
        connection.execute(insert(ledger).values(ENTRY))
        _ = 1 / 0
    with record.read() as connection:
        assert connection.execute(select(ledger)).all() == []


def test_opening_again_keeps_the_data(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "r.sqlite")
    first = connect(url)
    with first.write() as connection:
        connection.execute(insert(ledger).values(ENTRY))
    first.close()
    second = connect(url)
    with second.read() as connection:
        assert len(connection.execute(select(ledger)).all()) == 1
    second.close()


def test_a_database_that_is_away_is_said_so() -> None:
    with pytest.raises(RecordUnavailable, match="cannot be used"):
        connect("postgresql://vigil:secret@127.0.0.1:1/vigil")


def test_another_database_is_refused() -> None:
    with pytest.raises(ConfigError, match="SQLite and PostgreSQL"):
        connect("mysql://x@127.0.0.1/y")


def test_looking_at_a_record_changes_nothing(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path)
    with pytest.raises(RecordUnavailable, match="no record"):
        open_record(settings, migrate=False)
    assert list(tmp_path.iterdir()) == []
    open_record(settings).close()
    opened = open_record(settings, migrate=False)
    current, head = revisions(opened)
    opened.close()
    assert current == head is not None


def test_a_writer_that_keeps_the_record_is_said_so_instead_of_waited_for_without_end(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_LOCK_WAIT_S", 0.2)
    other = connect(record.engine.url.render_as_string(hide_password=False))
    try:
        with record.write(), pytest.raises(RecordUnavailable, match="cannot be used"), other.write():
            pass
        with other.write() as connection:
            connection.execute(insert(ledger).values(ENTRY))
    finally:
        other.close()


@pytest.mark.postgres
def test_no_connection_to_postgresql_waits_without_end(postgres: str) -> None:
    opened = connect(postgres.rsplit("/", 1)[0] + "/empty_record", migrate=False)
    with opened.read() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "30s"
        assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "5min"
        raw = cast("psycopg.Connection[Any]", connection.connection.dbapi_connection)
        assert raw.info.get_parameters()["connect_timeout"] == "10"
    opened.close()


def test_what_the_url_says_of_time_outs_stands() -> None:
    given = make_url("postgresql+psycopg://vigil@db/vigil?connect_timeout=2")
    assert "connect_timeout" not in engine._connect_args(given)
