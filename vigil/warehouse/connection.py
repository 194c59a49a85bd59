"""A ClickHouse connection that fails in words: unavailable (wait), rejected (bisect), or a bug."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from clickhouse_driver import Client
from clickhouse_driver import errors as driver_errors

from vigil.errors import ConfigError, WarehouseRejected, WarehouseUnavailable
from vigil.metrics import INSERT_SECONDS
from vigil.settings import Settings

T = TypeVar("T")

_PORTS = {"clickhouse": 9000, "clickhouses": 9440}

# Server error codes that say "not now", not "never": memory and disk pressure, overload, a replica that is away.
_RETRYABLE_CODES = frozenset(
    {74, 75, 76, 87, 88, 159, 164, 173, 202, 209, 210, 236, 241, 242, 243, 252, 285, 286, 319, 394, 425, 439, 499, 999}
)
_DISK_FULL = "No space left on device"
"""Also reported as an exception of the C++ library (code 1001), which can be anything else as well."""

# Server defaults changed over versions; exactly-once rests on these, so each insert states them. (That an insert is on
# disk when it returns is a setting of the tables: migration 0003.)
_INSERT_SETTINGS: dict[str, Any] = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    # One insert is one block and so one deduplication token, whatever its size.
    "max_insert_block_size": 4_000_000,
    "min_insert_block_size_rows": 0,
    "min_insert_block_size_bytes": 0,
}


class Warehouse:
    """ClickHouse under one database. Thread-safe: clickhouse-driver clients are not, so each thread has its own.

    Queries are parametrised by the server (`{name:Type}` in SQL). Every call has a deadline. Raises
    WarehouseUnavailable (server away, full or overloaded: try again) or WarehouseRejected (this query or these rows
    will be refused again). A URL that cannot be one is a ConfigError, which does not repeat it: it holds a password.
    """

    def __init__(self, url: str, *, timeout_s: float = 60.0) -> None:
        parts, port = _parsed(url)
        self.database = parts.path.strip("/") or "vigil"
        self.address = f"{parts.hostname}:{port}"
        self._options: dict[str, Any] = {
            "host": parts.hostname,
            "port": port,
            "user": unquote(parts.username or "default"),
            "password": unquote(parts.password or ""),
            "secure": parts.scheme == "clickhouses",
            "connect_timeout": 5,
            "send_receive_timeout": timeout_s,
            "sync_request_timeout": 5,
            "compression": "lz4",
            "settings": {"server_side_params": True},
            # A setting that the server does not know is an error, not a line in its log.
            "settings_is_important": True,
        }
        self._local = threading.local()

    def query(
        self, sql: str, params: Mapping[str, Any] | None = None, *, settings: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Rows of a SELECT (or the empty list of a statement)."""
        return self._call(
            lambda client: list[tuple[Any, ...]](client.execute(sql, _bound(params), settings=dict(settings or {})))
        )

    def query_dicts(self, sql: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Rows as dictionaries keyed by column name."""

        def run(client: Client) -> list[dict[str, Any]]:
            rows, columns = client.execute(sql, _bound(params), with_column_types=True)
            names = [name for name, _ in columns]
            return [dict(zip(names, row, strict=True)) for row in rows]

        return self._call(run)

    def command(self, sql: str) -> None:
        """A statement without parameters or result (DDL)."""
        self._call(lambda client: client.execute(sql))

    def insert(
        self, table: str, columns: Sequence[str], data: Sequence[Sequence[Any]], *, token: str | None = None
    ) -> int:
        """Insert column-oriented `data` (one sequence a column, all of one length); returns the number of rows.

        With `token`, a second insert of the same token into the same table within the deduplication window changes
        nothing, in the table and in its materialized views.
        """
        rows = len(data[0]) if data else 0
        if rows == 0:
            return 0
        settings = dict(_INSERT_SETTINGS)
        if token is not None:
            settings["insert_deduplication_token"] = token
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES"
        started = time.perf_counter()
        outcome = "error"
        try:
            self._call(lambda client: client.execute(statement, data, columnar=True, settings=settings))
            outcome = "ok"
        finally:
            INSERT_SECONDS.labels(table, outcome).observe(time.perf_counter() - started)
        return rows

    def ping(self) -> None:
        """Raises WarehouseUnavailable unless the server answers."""
        self.query("SELECT 1")

    def close(self) -> None:
        """Close this thread's connection."""
        client = getattr(self._local, "client", None)
        if client is not None:
            with suppress(Exception):
                client.disconnect()
            self._local.client = None

    def without_database(self) -> Warehouse:
        """The same server without choosing the database, to create it."""
        other = Warehouse.__new__(Warehouse)
        other.__dict__.update(self.__dict__)
        other._options = {**self._options, "database": "default"}
        other._local = threading.local()
        return other

    def _client(self) -> Client:
        client = getattr(self._local, "client", None)
        if client is None:
            options = {"database": self.database, **self._options}
            client = self._local.client = Client(**options)
        return client

    def _call(self, work: Callable[[Client], T]) -> T:
        try:
            return work(self._client())
        except driver_errors.ServerException as error:
            self.close()
            text = str(error.message).split("Stack trace:")[0].strip()
            if error.code in _RETRYABLE_CODES or _DISK_FULL in text:
                raise WarehouseUnavailable(
                    f"ClickHouse at {self.address} cannot serve this now (code {error.code}): {text}"
                ) from error
            if error.code in (192, 193, 194, 516):
                raise WarehouseUnavailable(
                    f"ClickHouse at {self.address} refuses the user; check clickhouse.url (code {error.code})"
                ) from error
            raise WarehouseRejected(
                f"ClickHouse at {self.address} refuses (code {error.code}): {text}", error.code
            ) from error
        except (
            driver_errors.NetworkError,
            driver_errors.SocketTimeoutError,
            driver_errors.PartiallyConsumedQueryError,
            EOFError,
            OSError,
        ) as error:
            self.close()
            raise WarehouseUnavailable(
                f"ClickHouse at {self.address} does not answer ({type(error).__name__}); is it running?"
            ) from error
        except driver_errors.Error as error:
            # Values the driver itself cannot encode: the same rows will fail again.
            self.close()
            raise WarehouseRejected(f"these rows cannot be encoded for ClickHouse: {error}") from error


def _parsed(url: str) -> tuple[SplitResult, int]:
    """The parts of a ClickHouse URL, and its port."""
    shape = "clickhouse://user:password@host:9000/database (clickhouses:// for TLS)"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # What stands where the port should may be half of a password.
        raise ConfigError(
            f"clickhouse.url cannot be read; it must look like {shape}, with / ? # @ : in a password written as %2F %3F %23 %40 %3A"
        ) from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ConfigError(f"clickhouse.url must look like {shape}; its scheme is {parts.scheme!r}")
    if parts.query or parts.fragment:
        raise ConfigError(
            f"clickhouse.url takes nothing after the database, but has a '?' or a '#'; it looks like {shape}"
        )
    if not re.fullmatch(r"/?|/[A-Za-z_][A-Za-z0-9_]*/?", parts.path):
        raise ConfigError("the database in clickhouse.url is not a plain name; use letters, digits and underscores")
    return parts, port or _PORTS[parts.scheme]


def open_warehouse(settings: Settings) -> Warehouse:
    """The configured ClickHouse, else the embedded one of the workspace."""
    return Warehouse(clickhouse_url(settings))


def clickhouse_url(settings: Settings) -> str:
    """Where ClickHouse is, with its password. Raises WorkspaceError when none is configured and no stack runs."""
    if settings.clickhouse.url is not None:
        return settings.clickhouse.url.get_secret_value()
    from vigil.local.addresses import read_addresses

    return read_addresses(settings.workspace).clickhouse_url


def _bound(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Parameters as the driver sends them right: it drops the microseconds of a datetime, a string keeps them."""
    return {name: _bound_value(value) for name, value in (params or {}).items()}


def _bound_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, (list, tuple)):
        return [_bound_value(item) for item in value]
    return value


def columns_of(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    """Turn rows into `width` columns."""
    columns: list[list[Any]] = [[] for _ in range(width)]
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return columns
