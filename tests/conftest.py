"""Real servers for the tests: one embedded ClickHouse a session, a fresh database a test."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.kafka.apache import ApacheKafka, missing_programs
from tests.kafka.broker import Broker
from tests.postgres import postgres_binaries, running_postgres
from vigil.local.broker import EmbeddedBroker
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.record import Record, connect, sqlite_url
from vigil.warehouse import Warehouse, migrate


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """A running ClickHouse server."""
    folder = tmp_path_factory.mktemp("clickhouse")
    server = EmbeddedClickHouse(folder, folder / "server.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def warehouse(clickhouse: EmbeddedClickHouse) -> Iterator[Warehouse]:
    """A migrated database of its own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    connection = Warehouse(clickhouse.url.rsplit("/", 1)[0] + "/" + name)
    migrate(connection)
    yield connection
    connection.command(f"DROP DATABASE {name} SYNC")
    connection.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server of this session, with `empty_record`, a migrated database to copy from."""
    binaries = postgres_binaries()
    if binaries is None:
        reason = "no PostgreSQL server: install Debian's `postgresql` package"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with (
        tempfile.TemporaryDirectory(prefix="vigil-postgres-", ignore_cleanup_errors=True) as folder,
        running_postgres(binaries, Path(folder)) as url,
    ):
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("CREATE DATABASE empty_record")
        connect(url.rsplit("/", 1)[0] + "/empty_record").close()
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def record(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Record]:
    """An empty record, on each database."""
    if request.param == "sqlite":
        opened = connect(sqlite_url(tmp_path / "record.sqlite"))
        yield opened
        opened.close()
        return
    server: str = request.getfixturevalue("postgres")
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE empty_record").format(sql.Identifier(name)))
    opened = connect(server.rsplit("/", 1)[0] + "/" + name)
    yield opened
    opened.close()
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """A running Apache Kafka of this session. A test that kills it starts its own instance instead."""
    if missing := missing_programs():
        reason = f"no Apache Kafka: {' and '.join(missing)} not on PATH; run tests/system_packages.sh as root"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    server = ApacheKafka(tmp_path_factory.mktemp("kafka"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def tansu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """The running embedded broker of this session."""
    folder = tmp_path_factory.mktemp("tansu")
    server = EmbeddedBroker(folder, folder / "broker.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["tansu", pytest.param("apache", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each broker in turn: the suite of whatever talks to Kafka runs on both."""
    if request.param == "tansu":
        embedded: EmbeddedBroker = request.getfixturevalue("tansu")
        return Broker("tansu", embedded.bootstrap_servers)
    apache: ApacheKafka = request.getfixturevalue("apache_kafka")
    return Broker("apache", apache.bootstrap_servers)


@pytest.fixture
def topic(broker: Broker) -> str:
    """A fresh topic of one partition on `broker`; `broker.create_topic(partitions=…)` makes more."""
    return broker.create_topic()
