"""The embedded ClickHouse server: private, small, on its own port, and clear about what stops it."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from vigil.errors import WarehouseUnavailable, WorkspaceError
from vigil.local import clickhouse as module
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.warehouse import Warehouse


def test_it_keeps_no_system_logs(clickhouse: EmbeddedClickHouse) -> None:
    warehouse = Warehouse(clickhouse.url).without_database()
    warehouse.command("SYSTEM FLUSH LOGS")
    logs = warehouse.query("SELECT name FROM system.tables WHERE database = 'system' AND name LIKE '%\\_log'")
    warehouse.close()
    assert logs == []


def test_it_asks_for_its_password(clickhouse: EmbeddedClickHouse) -> None:
    address = clickhouse.url.partition("@")[2]
    for user in ("vigil:wrong", "default:"):
        with pytest.raises(WarehouseUnavailable, match="refuses the user"):
            Warehouse(f"clickhouse://{user}@{address}").without_database().ping()


def test_a_folder_that_another_server_uses_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PREDECESSOR_S", 0.1)
    (tmp_path / "data").mkdir()
    status = tmp_path / "data" / "status"
    status.write_text("PID: 4711\nStarted at: 2026-11-01 00:00:00\n")
    with status.open("r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(WorkspaceError, match=r"another ClickHouse server \(PID: 4711\) still uses"):
            EmbeddedClickHouse(tmp_path, tmp_path / "log").start()
