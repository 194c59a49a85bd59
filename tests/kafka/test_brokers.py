"""Both brokers do what the rest of the tests (and vigil) take for granted, and the differences are as documented."""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.structs import OffsetAndMetadata, TopicPartition

from tests.kafka.apache import ApacheKafka
from tests.kafka.broker import Broker
from vigil.errors import WorkspaceError
from vigil.local.broker import EmbeddedBroker


def read(broker: Broker, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, 0)])
    values: list[bytes] = []
    for _ in range(100):
        values += [record.value for records in consumer.poll(timeout_ms=500).values() for record in records]
        if len(values) >= count:
            break
    consumer.close()
    return values


def test_records_come_back_in_order(broker: Broker, topic: str) -> None:
    values = [b"%d" % number for number in range(100)]
    broker.produce(topic, values)
    assert read(broker, topic, 100) == values


def test_a_record_larger_than_the_largest_event_fits(broker: Broker, topic: str) -> None:
    broker.produce(topic, [b"x" * (5 * 2**20)])
    assert [len(value) for value in read(broker, topic, 1)] == [5 * 2**20]


def test_commit_metadata_survives_on_apache_and_is_dropped_by_tansu(broker: Broker, topic: str) -> None:
    broker.produce(topic, [b"a", b"b"])
    partition = TopicPartition(topic, 0)
    consumer = KafkaConsumer(
        bootstrap_servers=broker.bootstrap_servers, group_id=f"g-{topic}", enable_auto_commit=False
    )
    consumer.assign([partition])
    consumer.commit({partition: OffsetAndMetadata(1, '{"hi":2}', -1)})
    committed = consumer.committed(partition, metadata=True)
    consumer.close()
    assert committed.offset == 1
    assert committed.metadata == ('{"hi":2}' if broker.kind == "apache" else None)


def test_apache_kafka_keeps_what_it_acknowledged_over_a_kill(apache_kafka: ApacheKafka, tmp_path: Path) -> None:
    server = ApacheKafka(tmp_path / "own")
    server.start()
    try:
        broker = Broker("apache", server.bootstrap_servers)
        topic = broker.create_topic()
        broker.produce(topic, [b"kept"])
        server.kill()
        server.start()
        assert server.bootstrap_servers == broker.bootstrap_servers
        assert read(broker, topic, 1) == [b"kept"]
    finally:
        server.stop()


def test_the_embedded_broker_keeps_its_port_over_a_kill_and_forgets_its_topics(tmp_path: Path) -> None:
    server = EmbeddedBroker(tmp_path, tmp_path / "broker.log")
    server.start()
    try:
        broker = Broker("tansu", server.bootstrap_servers)
        topic = broker.create_topic()
        server.kill()
        server.start()
        assert server.bootstrap_servers == broker.bootstrap_servers
        admin = KafkaAdminClient(bootstrap_servers=server.bootstrap_servers)
        assert topic not in admin.list_topics()
        admin.close()
    finally:
        server.stop()


def test_a_taken_port_is_said_so(tansu: EmbeddedBroker, tmp_path: Path) -> None:
    port = int(tansu.bootstrap_servers.rpartition(":")[2])
    second = EmbeddedBroker(tmp_path, tmp_path / "broker.log", port=port)
    with pytest.raises(WorkspaceError, match=f"port {port} for the Kafka broker cannot be used"):
        second.start()
