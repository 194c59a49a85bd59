"""Opening the record: SQLite in the workspace by default, PostgreSQL in production, the schema brought up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from vigil.errors import ConfigError, IntegrityError, RecordUnavailable
from vigil.local.workspace import make_private
from vigil.settings import Settings

if TYPE_CHECKING:
    import psycopg

_LOCK_KEY = 0x76696769  # "vigi": one advisory lock serialises writers on PostgreSQL where SQLite's write lock does

_CONNECT_TIMEOUT_S = 10
_LOCK_WAIT_S = 30.0
_FORGOTTEN_TRANSACTION_S = 300


class Record:
    """The transactional record. Thread-safe; each transaction is short.

    `write()` gives one writer at a time (SQLite's write lock, an advisory lock on PostgreSQL), so a decision that
    reads, counts and writes inside it is atomic. Raises RecordUnavailable when the database does not answer, or when
    another writer keeps it for 30 s.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading a consistent view."""
        with _translated(self.engine), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that no other writer runs beside; commits at the end, rolls back on an exception."""
        with _translated(self.engine), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            yield connection
            connection.commit()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_record(settings: Settings, *, migrate: bool = True) -> Record:
    """The configured record, else `record.sqlite` in the workspace, with its schema up to date.

    Without `migrate` nothing is created or changed, for looking only; a missing file is then RecordUnavailable.
    """
    if settings.record.url is not None:
        return connect(settings.record.url.get_secret_value(), migrate=migrate)
    if not migrate and not (settings.workspace / "record.sqlite").is_file():
        raise RecordUnavailable(f"there is no record in {settings.workspace.resolve()} yet; `vigil up` makes it")
    file = settings.workspace / "record.sqlite"
    try:
        # Whichever command comes first makes the workspace; what is in the record is its owner's business only.
        make_private(settings.workspace)
        file.touch(mode=0o600)
    except OSError as error:
        raise RecordUnavailable(f"cannot make {file}: {error.strerror}; choose another VIGIL_WORKSPACE") from error
    return connect(sqlite_url(file), migrate=migrate)


def sqlite_url(path: Path) -> str:
    """SQLAlchemy URL of an SQLite file."""
    return f"sqlite:///{path.resolve()}"


def connect(url: str, *, migrate: bool = True) -> Record:
    """Open `url` and migrate it. Raises ConfigError or RecordUnavailable."""
    try:
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ConfigError(f"record.url names {parsed.get_backend_name()}; the record runs on SQLite and PostgreSQL")
        engine = create_engine(parsed, pool_pre_ping=True, connect_args=_connect_args(parsed))
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigError(f"record.url is not an SQLAlchemy URL for SQLite or PostgreSQL: {error}") from error
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    else:
        _prepare_postgres(engine)
    record = Record(engine)
    if migrate:
        _migrate(record)
    return record


def revisions(record: Record) -> tuple[str | None, str | None]:
    """The schema that the database has (None = none yet) and the one that this code wants."""
    head = ScriptDirectory.from_config(_alembic()).get_current_head()
    with record.read() as connection:
        return MigrationContext.configure(connection).get_current_revision(), head


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("vigil.record").joinpath("migrations")))
    return config


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: Any) -> None:
        # SQLAlchemy's driver must not open transactions by itself: `write()` says BEGIN IMMEDIATE.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a decision that was acknowledged survives a power cut
        connection.execute(f"PRAGMA busy_timeout={int(_LOCK_WAIT_S * 1000)}")
        connection.execute("PRAGMA foreign_keys=ON")


def _connect_args(url: URL) -> dict[str, Any]:
    """Deadlines of the network: the system's own are hours."""
    if url.get_backend_name() == "sqlite":
        return {}
    usual = {"connect_timeout": _CONNECT_TIMEOUT_S, "keepalives_idle": 30, "tcp_user_timeout": 30_000}
    return {name: value for name, value in usual.items() if name not in url.query}


def _prepare_postgres(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: psycopg.Connection[Any], _: Any) -> None:
        # A writer that hangs in its transaction would keep the lock, and with it everybody else, for ever.
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", (f"{_LOCK_WAIT_S}s",))
            cursor.execute(
                "SELECT set_config('idle_in_transaction_session_timeout', %s, false)", (f"{_FORGOTTEN_TRANSACTION_S}s",)
            )
        connection.commit()


def _migrate(record: Record) -> None:
    with _translated(record.engine):
        config = _alembic()
        head = ScriptDirectory.from_config(config).get_current_head()
        with record.engine.connect() as connection:
            if MigrationContext.configure(connection).get_current_revision() == head:
                return
        with record.write() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
            known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
            if current is not None and current not in known:
                raise IntegrityError(
                    f"the record has schema {current}, which this version of vigil does not know; upgrade vigil"
                )
            if current != head:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")


@contextmanager
def _translated(engine: Engine) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise RecordUnavailable(f"the record at {where} cannot be used: {str(error.orig).strip()}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            where = engine.url.render_as_string(hide_password=True)
            raise RecordUnavailable(
                f"the record at {where} closed the connection: {str(error.orig).strip()}"
            ) from error
        raise
