"""Migrations are applied once, can be looked at without being applied, and contradictions are said so."""

from __future__ import annotations

import pytest

from vigil.errors import IntegrityError
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.warehouse import Warehouse, migrate, pending
from vigil.warehouse.migrate import migrations

COLUMNS = ["version", "name", "checksum"]


def test_looking_for_pending_migrations_creates_nothing(clickhouse: EmbeddedClickHouse, warehouse: Warehouse) -> None:
    assert pending(warehouse) == []
    absent = Warehouse(clickhouse.url.rsplit("/", 1)[0] + "/absent")
    assert pending(absent) == [f"{version:04d}_{name}" for version, name, _ in migrations()]
    assert warehouse.query("SELECT count() FROM system.databases WHERE name = 'absent'") == [(0,)]


def test_a_migration_that_changed_after_it_was_applied_is_said_so(warehouse: Warehouse) -> None:
    warehouse.insert("schema_migrations", COLUMNS, [[1], ["telemetry"], ["other"]])
    with pytest.raises(IntegrityError, match="0001_telemetry was changed"):
        pending(warehouse)


def test_a_schema_newer_than_the_code_is_refused(warehouse: Warehouse) -> None:
    warehouse.insert("schema_migrations", COLUMNS, [[9999], ["future"], ["x"]])
    with pytest.raises(IntegrityError, match="migration 9999, which this version"):
        migrate(warehouse)


def test_no_two_migrations_have_one_number() -> None:
    # The second of them would be taken for a changed first one, on every database.
    numbers = [version for version, _, _ in migrations()]
    assert len(set(numbers)) == len(numbers), [name for _, name, _ in migrations()]
