"""The check finds every table in which a retried insert would count twice."""

from __future__ import annotations

from vigil.local.deduplication import without_window
from vigil.warehouse import Warehouse


def test_the_shipped_schema_deduplicates_everywhere(warehouse: Warehouse) -> None:
    assert without_window(warehouse) == []


def test_a_table_whose_window_was_taken_away_is_named(warehouse: Warehouse) -> None:
    warehouse.command("ALTER TABLE account_hours MODIFY SETTING non_replicated_deduplication_window = 0")
    assert without_window(warehouse) == [f"{warehouse.database}.account_hours"]


def test_targets_of_views_are_followed_also_to_the_second_and_the_inner_ones(warehouse: Warehouse) -> None:
    for statement in (
        "CREATE TABLE first (tenant_id String) ENGINE = MergeTree ORDER BY tuple() "
        "SETTINGS non_replicated_deduplication_window = 10000",
        "CREATE TABLE second (tenant_id String) ENGINE = MergeTree ORDER BY tuple()",
        "CREATE TABLE unrelated (tenant_id String) ENGINE = MergeTree ORDER BY tuple()",
        "CREATE MATERIALIZED VIEW to_first TO first AS SELECT tenant_id FROM events",
        "CREATE MATERIALIZED VIEW to_second TO second AS SELECT tenant_id FROM first",
        "CREATE MATERIALIZED VIEW inner_one ENGINE = MergeTree ORDER BY tuple() AS SELECT tenant_id FROM events",
    ):
        warehouse.command(statement)
    [(uuid,)] = warehouse.query(
        "SELECT toString(uuid) FROM system.tables WHERE database = {database:String} AND name = 'inner_one'",
        {"database": warehouse.database},
    )
    expected = {f"{warehouse.database}.second", f"{warehouse.database}..inner_id.{uuid}"}
    assert set(without_window(warehouse)) == expected


def test_a_view_into_another_database_is_followed(warehouse: Warehouse) -> None:
    other = f"{warehouse.database}_other"
    warehouse.command(f"CREATE DATABASE {other}")
    warehouse.command(f"CREATE TABLE {other}.t (tenant_id String) ENGINE = MergeTree ORDER BY tuple()")
    warehouse.command(f"CREATE MATERIALIZED VIEW v TO {other}.t AS SELECT tenant_id FROM events")
    assert without_window(warehouse) == [f"{other}.t"]
    warehouse.command(f"DROP DATABASE {other} SYNC")
