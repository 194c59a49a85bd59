"""Numbered SQL migrations, applied in order, each once, safe to run from several processes at once."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

from vigil.errors import IntegrityError
from vigil.warehouse.connection import Warehouse

_TRACKING = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(applied_at) ORDER BY version
"""


def migrations() -> list[tuple[int, str, str]]:
    """(version, name, SQL) of every migration this code knows, in order."""
    return sorted(
        (int(match[1]), match[2], entry.read_text())
        for entry in files("vigil.warehouse").joinpath("migrations").iterdir()
        if (match := re.fullmatch(r"(\d{4})_(\w+)\.sql", entry.name))
    )


def migrate(warehouse: Warehouse) -> list[str]:
    """Create the database when missing and bring its schema up to date; returns the names applied.

    Statements are `IF NOT EXISTS`, so two processes starting together do no harm. Raises IntegrityError when the
    database is newer than this code or an applied migration has changed since.
    """
    server = warehouse.without_database()
    # A plain name: the warehouse takes no other.
    server.command(f"CREATE DATABASE IF NOT EXISTS `{warehouse.database}`")
    server.close()
    warehouse.command(_TRACKING)
    done = []
    for version, name, sql in _remaining(warehouse):
        for statement in statements(sql):
            warehouse.command(statement)
        checksum = _checksum(sql)
        warehouse.insert("schema_migrations", ["version", "name", "checksum"], [[version], [name], [checksum]])
        done.append(f"{version:04d}_{name}")
    return done


def pending(warehouse: Warehouse) -> list[str]:
    """Names of the migrations that the database lacks; changes nothing. Raises IntegrityError as `migrate` does."""
    server = warehouse.without_database()
    try:
        tracked = server.query(
            "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'schema_migrations'",
            {"database": warehouse.database},
        )
    finally:
        server.close()
    remaining = migrations() if tracked == [(0,)] else _remaining(warehouse)
    return [f"{version:04d}_{name}" for version, name, _ in remaining]


def _remaining(warehouse: Warehouse) -> list[tuple[int, str, str]]:
    applied = dict(
        warehouse.query("SELECT version, argMax(checksum, applied_at) FROM schema_migrations GROUP BY version")
    )
    known = migrations()
    if newer := set(applied) - {version for version, _, _ in known}:
        raise IntegrityError(
            f"the ClickHouse schema has migration {max(newer)}, which this version of vigil does not know; upgrade vigil"
        )
    for version, name, sql in known:
        if version in applied and applied[version] != _checksum(sql):
            raise IntegrityError(
                f"migration {version:04d}_{name} was changed after it was applied to {warehouse.database}; restore the file or use another database"
            )
    return [migration for migration in known if migration[0] not in applied]


def _checksum(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()


def statements(sql: str) -> list[str]:
    """The statements of a migration file: separated by a semicolon at the end of a line, comments removed."""
    text = "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))
    return [part.strip() for part in re.split(r";\s*(?:\n|$)", text) if part.strip()]
