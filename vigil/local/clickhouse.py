"""The embedded ClickHouse server: a `clickhouse` binary on PATH, else the server inside the chdb wheel."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from vigil.errors import DependencyError, WorkspaceError
from vigil.local.child import EMBEDDED_CLICKHOUSE, chdb_library
from vigil.local.process import ChildProcess, free_port, port_is_open, require_free_port
from vigil.local.workspace import lock_within, make_private, unusable
from vigil.warehouse import Warehouse

# Small-host limits, and no system log tables, which have been seen to grow to a hundred times the data: a log exists
# when its element does, so none is named here (`remove="1"` works in files that are merged, not in the first one).
_CONFIG = """<clickhouse>
  <logger><level>warning</level><console>1</console></logger>
  <listen_host>127.0.0.1</listen_host>
  <tcp_port>{port}</tcp_port>
  <path>{folder}/data/</path>
  <tmp_path>{folder}/tmp/</tmp_path>
  <user_files_path>{folder}/user_files/</user_files_path>
  <format_schema_path>{folder}/format_schemas/</format_schema_path>
  <mark_cache_size>134217728</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <max_server_memory_usage>{memory_bytes}</max_server_memory_usage>
  <background_pool_size>4</background_pool_size>
  <background_schedule_pool_size>16</background_schedule_pool_size>
  <max_concurrent_queries>100</max_concurrent_queries>
  <shutdown_wait_unfinished>5</shutdown_wait_unfinished>
  <merge_tree>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
  <profiles><default><max_memory_usage>{query_memory_bytes}</max_memory_usage><log_queries>0</log_queries></default></profiles>
  <quotas><default/></quotas>
  <users><vigil><password>{password}</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></vigil></users>
</clickhouse>
"""

_PREDECESSOR_S = 20.0


class EmbeddedClickHouse:
    """A server on 127.0.0.1 with its data in `folder`; its password is made once and kept there.

    `port` 0 takes any free one. The port stays the same over a restart, so that clients of a killed server find it again.
    """

    def __init__(
        self, folder: Path, log_file: Path, *, memory_bytes: int = 4 * 2**30, database: str = "vigil", port: int = 0
    ) -> None:
        self._folder = folder.resolve()
        self._memory_bytes = memory_bytes
        self._database = database
        self._port = port
        self._password = ""
        self.process = ChildProcess("ClickHouse", log_file)

    @property
    def url(self) -> str:
        """The address with its password: keep it out of logs."""
        return f"clickhouse://vigil:{self._password}@127.0.0.1:{self._port}/{self._database}"

    def start(
        self,
        *,
        timeout_s: float = 60.0,
        keep_open: Sequence[int] = (),
        interrupted: threading.Event | None = None,
    ) -> None:
        """Start and wait until it answers. Raises WorkspaceError or DependencyError.

        `keep_open` and `interrupted` are as in ChildProcess.
        """
        try:
            # Private even in a workspace that somebody made for others to read.
            make_private(self._folder)
            for name in ("data", "tmp", "user_files", "format_schemas"):
                (self._folder / name).mkdir(parents=True, exist_ok=True)
            password_file = self._folder / "password"
            if not password_file.exists():
                password_file.touch(mode=0o600)
                password_file.write_text(secrets.token_urlsafe(24))
            self._password = password_file.read_text().strip()
            self._await_predecessor()
            self._port = self._port or free_port()
            require_free_port(self._port, "ClickHouse")
            config = self._folder / "config.xml"
            config.touch(mode=0o600)
            config.write_text(
                _CONFIG.format(
                    port=self._port,
                    folder=escape(str(self._folder)),
                    memory_bytes=self._memory_bytes,
                    query_memory_bytes=self._memory_bytes // 2,
                    password=escape(self._password),
                )
            )
        except OSError as error:
            raise unusable(self._folder, error) from error
        self.process.start(
            [*_server_program(), f"--config-file={config}"],
            environment={"CLICKHOUSE_WATCHDOG_ENABLE": "0"},
            keep_open=keep_open,
        )
        self.process.wait_until(lambda: port_is_open(self._port), timeout_s=timeout_s, interrupted=interrupted)
        warehouse = Warehouse(self.url).without_database()
        try:
            warehouse.ping()
        finally:
            warehouse.close()

    def stop(self) -> None:
        """Stop it gracefully."""
        self.process.stop()

    def _await_predecessor(self) -> None:
        """Wait until no other server has this folder: that of a killed supervisor needs a moment to close its files."""
        try:
            stream = (self._folder / "data" / "status").open("r+b")
        except FileNotFoundError:
            return
        with stream:
            if not lock_within(stream.fileno(), _PREDECESSOR_S):
                first_line = stream.readline().decode(errors="replace").strip()
                raise WorkspaceError(
                    f"another ClickHouse server ({first_line}) still uses {self._folder} after {_PREDECESSOR_S:.0f} s;"
                    " end it and try again"
                )


def _server_program() -> list[str]:
    if binary := shutil.which("clickhouse"):
        return [binary, "server"]
    if chdb_library() is not None:
        return [EMBEDDED_CLICKHOUSE]
    raise DependencyError(
        "no ClickHouse server: neither a `clickhouse` binary on PATH nor the chdb wheel; run `make install`"
    )
