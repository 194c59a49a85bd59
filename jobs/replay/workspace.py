"""Where a replay works: an embedded ClickHouse and an SQLite record of its own, never the configured servers."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import event

from vigil import __version__
from vigil.errors import UsageError
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.local.workspace import Workspace, unusable
from vigil.record import Record, open_record
from vigil.settings import ClickHouseSettings, KafkaSettings, RecordSettings, Settings
from vigil.warehouse import Warehouse, migrate

MARKER = "replay.json"
_REPLAYED = ("clickhouse", "record.sqlite", "record.sqlite-wal", "record.sqlite-shm")


class ReplayStores(msgspec.Struct, frozen=True):
    """The opened stores and the settings that lead to them."""

    settings: Settings
    warehouse: Warehouse
    record: Record


@contextmanager
def opened(settings: Settings, folder: Path | None, say: Callable[[str], None]) -> Iterator[ReplayStores]:
    """Stores that are empty at first. Without `folder` they are gone afterwards.

    A folder that an earlier replay left is emptied and used again: what an interrupted one had stored is not gone on
    from, because detectors hold state that is written now and then only. Raises UsageError when it holds something else,
    WorkspaceError or DependencyError when it cannot be used or ClickHouse does not start.
    """
    if folder is not None:
        with _opened_in(settings, folder, say) as stores:
            yield stores
        return
    with (
        tempfile.TemporaryDirectory(prefix="vigil-replay-", ignore_cleanup_errors=True) as temporary,
        _opened_in(settings, Path(temporary), say) as stores,
    ):
        yield stores


@contextmanager
def _opened_in(settings: Settings, folder: Path, say: Callable[[str], None]) -> Iterator[ReplayStores]:
    if folder.exists() and not (folder / MARKER).exists() and any((folder / name).exists() for name in _REPLAYED):
        raise UsageError(
            f"{folder} is the workspace of something else; give --workspace a new folder or one of an earlier replay"
        )
    workspace = Workspace(folder)
    workspace.prepare()
    with workspace.held(say) as keep_open:
        try:
            if _interrupted(workspace.folder / MARKER):
                say(
                    f"the replay before this one in {folder} did not come to its end; this one starts from the beginning"
                )
            _mark(workspace.folder, finished=False)
            for name in _REPLAYED:
                _remove(workspace.folder / name)
        except OSError as error:
            raise unusable(workspace.folder, error) from error
        own = settings.model_copy(
            update={
                "workspace": workspace.folder,
                "clickhouse": ClickHouseSettings(),
                "record": RecordSettings(),
                "kafka": KafkaSettings(),
            }
        )
        server = EmbeddedClickHouse(workspace.folder / "clickhouse", workspace.log_file("clickhouse"))
        try:
            server.start(keep_open=[keep_open])
            warehouse = Warehouse(server.url)
            migrate(warehouse)
            # Bodies expire by the machine's clock, and what is replayed may be older than they may be.
            warehouse.command("ALTER TABLE bodies REMOVE TTL")
            record = open_record(own)
            _without_waiting_for_the_disk(record)
            try:
                yield ReplayStores(own, warehouse, record)
                _mark(workspace.folder, finished=True)
            finally:
                record.close()
                warehouse.close()
        finally:
            server.stop()


def _without_waiting_for_the_disk(record: Record) -> None:
    """A replay that a power cut ends is started again, so its transactions need not survive one."""

    @event.listens_for(record.engine, "connect")
    def configure(connection: sqlite3.Connection, _: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    record.engine.dispose()


def _mark(folder: Path, *, finished: bool) -> None:
    """Say that the folder is a replay's, and whether it has come to its end."""
    (folder / MARKER).write_bytes(msgspec.json.encode({"vigil": __version__, "finished": finished}))


def _interrupted(marker: Path) -> bool:
    try:
        return msgspec.json.decode(marker.read_bytes(), type=dict[str, Any]).get("finished") is False
    except (FileNotFoundError, msgspec.DecodeError):
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
