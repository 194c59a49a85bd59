"""The warehouse keeps what it promises about tokens, parameters and errors."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from vigil.errors import ConfigError, WarehouseRejected, WarehouseUnavailable
from vigil.local.clickhouse import EmbeddedClickHouse
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


def test_a_setting_that_the_server_does_not_know_is_an_error_not_a_line_in_its_log(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseRejected, match="no_such_setting"):
        warehouse.query("SELECT 1", settings={"no_such_setting": 1})


def test_no_setting_of_ours_fills_the_log_of_the_server(warehouse: Warehouse, clickhouse: EmbeddedClickHouse) -> None:
    warehouse.insert("events", COLUMNS, rows(1), token="known")
    assert "Unknown settings:" not in clickhouse.process.log_file.read_text()


@pytest.mark.parametrize("table", ["events", "bodies", "dead_letters", "requeued_letters"])
def test_what_an_insert_acknowledges_is_on_disk(warehouse: Warehouse, table: str) -> None:
    [(engine,)] = warehouse.query(
        "SELECT engine_full FROM system.tables WHERE database = {database:String} AND name = {table:String}",
        {"database": warehouse.database, "table": table},
    )
    assert "fsync_after_insert = 1" in engine
    assert "fsync_part_directory = 1" in engine


@pytest.mark.parametrize(
    "url",
    [
        "clickhouse://vigil:hunter#2@127.0.0.1:9000/vigil",
        "clickhouse://vigil:hunter/2@127.0.0.1:9000/vigil",
        "clickhouse://vigil:hunter2@127.0.0.1:port/vigil",
        "clickhouse://vigil:hunter2@127.0.0.1:9000/vigil?secure=true",
        "clickhouse://vigil:hunter2@127.0.0.1:9000/vi`gil",
        "http://vigil:hunter2@127.0.0.1:8123",
        "clickhouse://vigil:hunter2@[::1/vigil",
    ],
)
def test_an_address_that_cannot_be_one_is_said_so_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match=r"clickhouse\.url") as caught:
        Warehouse(url)
    assert "hunter" not in str(caught.value)


def test_tls_has_a_port_of_its_own() -> None:
    assert Warehouse("clickhouses://vigil:x@warehouse.example/vigil").address == "warehouse.example:9440"


def test_a_server_that_is_away_is_unavailable() -> None:
    with pytest.raises(WarehouseUnavailable, match="is it running"):
        Warehouse("clickhouse://vigil:x@127.0.0.1:1/vigil").ping()


def test_migrating_twice_does_nothing(warehouse: Warehouse) -> None:
    assert migrate(warehouse) == []
