"""The embedded ClickHouse server: private, small, on its own port, and clear about what stops it."""

from __future__ import annotations

import fcntl
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from vigil.errors import WarehouseUnavailable, WorkspaceError
from vigil.local import clickhouse as module
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.warehouse import Warehouse, migrate


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


def test_the_way_to_another_clickhouse_that_the_docs_give_works(
    clickhouse: EmbeddedClickHouse, warehouse: Warehouse
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "embedded-stack.md").read_text()
    match = re.search(r"```sql\n(.*?)```", page, re.DOTALL)
    assert match is not None
    url = urlsplit(clickhouse.url)
    now = datetime.now(UTC)
    columns = ["event_id", "event_time", "received_at", "tenant_id", "source", "account_id", "last_user_text"]
    row = [uuid4(), now, now, "t", "s", "a", "please list the hours of the shop on 5th street"]
    warehouse.insert("events", columns, [[value] for value in row])
    other = Warehouse(clickhouse.url.rsplit("/", 1)[0] + f"/{warehouse.database}_new")
    migrate(other)
    statement = match[1].replace("PORT", str(url.port)).replace("PASSWORD", str(url.password))
    other.command(statement.replace("'vigil', 'events'", f"'{warehouse.database}', 'events'"))
    compared = "SELECT event_id, has_content, text_fingerprint, template_bands FROM events"
    assert other.query(compared) == warehouse.query(compared) != []
    assert other.query("SELECT sum(calls) FROM account_hours") == [(1,)]
    other.command(f"DROP DATABASE {other.database} SYNC")
    other.close()
