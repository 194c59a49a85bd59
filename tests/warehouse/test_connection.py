"""The warehouse keeps what it promises about tokens, parameters and errors."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from vigil.errors import WarehouseRejected, WarehouseUnavailable
from vigil.warehouse import Warehouse, migrate

NOW = datetime(2026, 11, 1, 12, 30, 15, 123456, tzinfo=UTC)
COLUMNS = ["event_id", "event_time", "received_at", "tenant_id", "source", "account_id", "last_user_text"]


def rows(count: int, text: str = "please list the opening hours of shop 12") -> list[list[object]]:
    return [
        [uuid.uuid4() for _ in range(count)],
        [NOW] * count,
        [NOW] * count,
        ["t"] * count,
        ["s"] * count,
        ["a"] * count,
        [text] * count,
    ]


def test_a_repeated_token_changes_neither_the_table_nor_its_views(warehouse: Warehouse) -> None:
    data = rows(5)
    warehouse.insert("events", COLUMNS, data, token="topic:0:0-5")
    warehouse.insert("events", COLUMNS, data, token="topic:0:0-5")
    assert warehouse.query("SELECT count() FROM events") == [(5,)]
    assert warehouse.query("SELECT sum(calls) FROM account_hours") == [(5,)]
    assert warehouse.query("SELECT sum(calls) FROM source_minutes") == [(5,)]


def test_text_is_forgotten_and_its_fingerprints_ignore_what_varies_in_a_template(warehouse: Warehouse) -> None:
    warehouse.insert("events", COLUMNS, rows(1, 'Give me the  balance of 12-44 for "Ann" now, as a table please'))
    warehouse.insert("events", COLUMNS, rows(1, 'give me the balance of 99-01 for "Bob" now, as a table please'))
    found = warehouse.query(
        "SELECT uniqExact(text_fingerprint), uniqExact(template_fingerprint), min(has_content), min(length(template_bands)) FROM events"
    )
    assert found == [(2, 1, True, 2)]


def test_parameters_are_bound_by_the_server(warehouse: Warehouse) -> None:
    hostile = "x' OR 1=1 --\\"
    assert warehouse.query("SELECT {v:String}", {"v": hostile}) == [(hostile,)]
    assert warehouse.query("SELECT {t:DateTime64(6, 'UTC')}", {"t": NOW}) == [(NOW,)]
    assert warehouse.query("SELECT arraySort({ids:Array(String)})", {"ids": ["b", hostile]}) == [(["b", hostile],)]


def test_a_query_that_can_never_work_is_rejected(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseRejected, match="nope"):
        warehouse.query("SELECT nope FROM events")


def test_values_that_cannot_be_encoded_are_rejected_and_the_connection_survives(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseRejected):
        warehouse.insert("events", COLUMNS, [["no uuid"], [NOW], [NOW], ["t"], ["s"], ["a"], [""]])
    assert warehouse.query("SELECT 1") == [(1,)]


def test_a_server_that_is_away_is_unavailable() -> None:
    with pytest.raises(WarehouseUnavailable, match="is it running"):
        Warehouse("clickhouse://vigil:x@127.0.0.1:1/vigil").ping()


def test_migrating_twice_does_nothing(warehouse: Warehouse) -> None:
    assert migrate(warehouse) == []
