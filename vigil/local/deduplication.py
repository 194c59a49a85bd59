"""Which tables that an insert reaches would count a retried insert twice.

ClickHouse deduplicates by token only in tables that keep a window of tokens, and each target of a materialized view
needs a window of its own: with one missing, a retry leaves the events right and the aggregates doubled.
"""

from __future__ import annotations

import re

import msgspec

from vigil.warehouse import Warehouse
from vigil.warehouse.migrate import migrations

# A retry follows its insert at once, but inserts of other partitions and tables may lie between the two.
LEAST_WINDOW = 1_000


class _Table(msgspec.Struct, frozen=True):
    database: str
    name: str
    engine: str
    engine_full: str
    create_query: str
    uuid: str
    views: tuple[tuple[str, str], ...]


def without_window(warehouse: Warehouse) -> list[str]:
    """Tables, as `database.table`, that inserts into vigil's tables reach and that keep too small a window or none."""
    tables = _tables(warehouse)
    defaults = _server_defaults(warehouse)
    return [
        f"{table.database}.{table.name}"
        for table in _reached(tables, warehouse.database)
        if table.engine.endswith("MergeTree") and _window(table, defaults) < LEAST_WINDOW
    ]


def _tables(warehouse: Warehouse) -> dict[tuple[str, str], _Table]:
    rows = warehouse.query(
        "SELECT database, name, engine, engine_full, create_table_query, toString(uuid),"
        " arrayZip(dependencies_database, dependencies_table) FROM system.tables"
        " WHERE database NOT IN ('system', 'INFORMATION_SCHEMA', 'information_schema')"
    )
    return {
        (database, name): _Table(database, name, engine, full, query, uuid, tuple(views))
        for database, name, engine, full, query, uuid, views in rows
    }


def _server_defaults(warehouse: Warehouse) -> dict[str, int]:
    rows = warehouse.query(
        "SELECT name, toUInt64(value) FROM system.merge_tree_settings WHERE name = 'non_replicated_deduplication_window'"
        " UNION ALL SELECT name, toUInt64(value) FROM system.replicated_merge_tree_settings"
        " WHERE name = 'replicated_deduplication_window'"
    )
    return dict(rows)


def _reached(tables: dict[tuple[str, str], _Table], database: str) -> list[_Table]:
    """The tables that vigil's migrations make, and whatever materialized views carry on from there."""
    created = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", "".join(sql for _, _, sql in migrations()))
    waiting = [(database, name) for name in created]
    reached: dict[tuple[str, str], _Table] = {}
    while waiting:
        key = waiting.pop(0)
        if key in reached or key not in tables:
            continue
        reached[key] = tables[key]
        waiting += [_target(tables[view]) for view in tables[key].views if view in tables]
    return list(reached.values())


def _target(view: _Table) -> tuple[str, str]:
    """Where a materialized view writes: its TO table, else the inner table that ClickHouse made for it."""
    if match := re.search(r"\bTO (?:`?([\w.-]+?)`?\.)?`?([\w-]+)`?[\s(]", view.create_query):
        return (match[1] or view.database, match[2])
    return (view.database, f".inner_id.{view.uuid}")


def _window(table: _Table, defaults: dict[str, int]) -> int:
    name = "replicated_deduplication_window"
    if "Replicated" not in table.engine and "Shared" not in table.engine:
        name = f"non_{name}"
    if match := re.search(rf"(?<![a-z_]){name} = (\d+)", table.engine_full):
        return int(match[1])
    return defaults.get(name, 0)
