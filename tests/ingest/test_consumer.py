"""The consumer on real brokers and a real ClickHouse: every record stands once in `events` or in `dead_letters`."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

import pytest
import structlog

from ingest.consumer import Consumer
from tests.ingest.consuming import (
    Process,
    Running,
    environment_for,
    places,
    recent,
    settings_for,
    wait_for,
    wait_for_records,
)
from tests.ingest.events import raw
from tests.kafka.apache import ApacheKafka
from tests.kafka.broker import Broker
from vigil.clock import SystemClock
from vigil.errors import ConfigError
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.settings import Settings
from vigil.warehouse import Warehouse, migrate


def test_every_record_is_an_event_or_a_dead_letter_exactly_once(
    broker: Broker, warehouse: Warehouse, tmp_path: Path
) -> None:
    topic = broker.create_topic(partitions=2)
    bad = {
        "malformed_json": b'{"event_time": ',
        "too_large": recent(output="x" * (5 * 2**20)),
        "time_out_of_range": raw(event_time=12),
        "invalid_utf8": b'{"account_id": "\xff"}',
        "wrong_type": recent(input_tokens="many"),
    }
    good = [recent(input=f"question number {number}") for number in range(200)]
    broker.produce(topic, good[:100] + list(bad.values()) + good[100:150])
    broker.produce(topic, good[150:], partition=1)
    with Running(settings_for(broker, topic, tmp_path), warehouse):
        wait_for_records(warehouse, 205)
    expected = [(0, offset, "dead_letters" if 100 <= offset < 105 else "events") for offset in range(155)]
    assert places(warehouse) == expected + [(1, offset, "events") for offset in range(50)]
    letters = dict(warehouse.query("SELECT error_class, hex(raw) FROM dead_letters"))
    assert letters == {error_class: payload.hex().upper() for error_class, payload in bad.items()}
    assert warehouse.query("SELECT count() FROM bodies") == [(200,)]
    assert warehouse.query("SELECT countIf(length(reason) < 20) FROM dead_letters") == [(0,)]


def test_a_second_start_reads_on_where_the_first_one_stopped(
    broker: Broker, topic: str, warehouse: Warehouse, tmp_path: Path
) -> None:
    settings = settings_for(broker, topic, tmp_path)
    for start in (0, 50):
        broker.produce(topic, [recent() for _ in range(50)])
        with Running(settings, warehouse):
            wait_for_records(warehouse, start + 50)
    assert places(warehouse) == [(0, offset, "events") for offset in range(100)]


@pytest.mark.kafka
def test_a_consumer_killed_in_the_middle_loses_nothing_and_stores_nothing_twice(
    apache_kafka: ApacheKafka, warehouse: Warehouse, tmp_path: Path
) -> None:
    broker = Broker("apache", apache_kafka.bootstrap_servers)
    topic = broker.create_topic(partitions=2)
    rows = 1_500
    for partition in range(2):
        broker.produce(topic, [recent() if row % 100 else b"{" for row in range(rows)], partition)
    environment = environment_for(broker, topic, warehouse, tmp_path) | {"VIGIL_INGEST__BATCH_ROWS": "100"}
    for kill in range(1, 3):
        consumer = Process(environment, tmp_path / "log")
        try:
            # The next batches are on their way when these rows are seen.
            wait_for_records(warehouse, 1_000 * kill)
        finally:
            consumer.kill()
    consumer = Process(environment, tmp_path / "log")
    try:
        wait_for_records(warehouse, 2 * rows)
    finally:
        status = consumer.stop()
    assert status == 0
    expected = [(p, row, "events" if row % 100 else "dead_letters") for p in range(2) for row in range(rows)]
    assert places(warehouse) == expected
    assert warehouse.query("SELECT sum(calls) FROM account_hours") == [(2 * rows * 99 // 100,)]
    assert "rebuilding up to" in (tmp_path / "log").read_text()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the consumer logs."""
    messages: list[str] = []

    def remember(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        messages.append(str(event["event"]))
        return event

    structlog.configure(processors=[remember, structlog.processors.JSONRenderer()], cache_logger_on_first_use=False)
    return messages


@pytest.mark.kafka
def test_clickhouse_killed_and_started_again_is_waited_for(
    apache_kafka: ApacheKafka, tmp_path: Path, said: list[str]
) -> None:
    broker = Broker("apache", apache_kafka.bootstrap_servers)
    topic = broker.create_topic()
    server = EmbeddedClickHouse(tmp_path / "own", tmp_path / "own.log")
    server.start()
    warehouse = Warehouse(server.url.rsplit("/", 1)[0] + f"/own_{uuid.uuid4().hex[:8]}")
    try:
        migrate(warehouse)
        broker.produce(topic, [recent() for _ in range(100)])
        with Running(settings_for(broker, topic, tmp_path), warehouse):
            wait_for_records(warehouse, 100)
            server.process.kill()
            broker.produce(topic, [recent() for _ in range(100)])
            wait_for(lambda: any("waiting for ClickHouse" in message for message in said), "a message about waiting")
            server.start()
            wait_for_records(warehouse, 200)
        assert places(warehouse) == [(0, offset, "events") for offset in range(200)]
        assert "ClickHouse is back: reading on" in said
    finally:
        warehouse.close()
        server.stop()


@pytest.mark.kafka
def test_kafka_killed_and_started_again_is_waited_for(warehouse: Warehouse, tmp_path: Path) -> None:
    """In a process of its own: kafka-python leaves the sockets of refused connections to the garbage collector."""
    server = ApacheKafka(tmp_path / "own")
    server.start()
    try:
        broker = Broker("apache", server.bootstrap_servers)
        topic = broker.create_topic()
        broker.produce(topic, [recent() for _ in range(100)])
        consumer = Process(environment_for(broker, topic, warehouse, tmp_path), tmp_path / "log")
        try:
            wait_for_records(warehouse, 100)
            server.kill()
            wait_for(lambda: "waiting for Kafka" in (tmp_path / "log").read_text(), "a message about waiting")
            server.start()
            broker.produce(topic, [recent() for _ in range(100)])
            wait_for_records(warehouse, 200)
        finally:
            status = consumer.stop()
        assert status == 0
        assert places(warehouse) == [(0, offset, "events") for offset in range(200)]
    finally:
        server.stop()


def test_a_table_that_would_store_a_retried_insert_twice_is_refused_at_the_start(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    warehouse.command("CREATE TABLE own (tenant_id String) ENGINE = MergeTree ORDER BY tenant_id")
    warehouse.command("CREATE MATERIALIZED VIEW own_view TO own AS SELECT tenant_id FROM events")
    settings = Settings(workspace=tmp_path)
    with pytest.raises(ConfigError, match=r"\.own: give each of these tables a deduplication window"):
        Consumer(settings, SystemClock(), warehouse, "127.0.0.1:1").run(threading.Event())


def test_a_topic_with_an_unknown_dialect_is_refused_at_the_start(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path, kafka={"topics": "a:smoke-signals"})
    with pytest.raises(ConfigError, match="canonical"):
        Consumer(settings, SystemClock(), Warehouse("clickhouse://vigil:x@127.0.0.1:1/vigil"), "127.0.0.1:1")
