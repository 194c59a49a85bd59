"""Topics are created once, and lag counts what a group has not committed, on both brokers."""

from __future__ import annotations

import uuid

import pytest
from kafka import KafkaConsumer
from kafka.structs import OffsetAndMetadata, TopicPartition

from tests.kafka.broker import Broker
from vigil.errors import BrokerUnavailable
from vigil.local.topics import create_topics, group_lag, topics_of
from vigil.settings import Settings


@pytest.fixture
def settings() -> Settings:
    return Settings.model_validate({"kafka": {"group": f"group-{uuid.uuid4().hex[:8]}"}})


def test_missing_topics_are_created_and_existing_ones_left_alone(settings: Settings, broker: Broker) -> None:
    existing = broker.create_topic(partitions=2)
    names = [existing, f"new-{existing}"]
    assert create_topics(settings, broker.bootstrap_servers, names) == [f"new-{existing}"]
    assert create_topics(settings, broker.bootstrap_servers, names) == []
    assert topics_of(settings, broker.bootstrap_servers)[existing] == 2


def test_lag_counts_from_the_committed_offset(settings: Settings, broker: Broker) -> None:
    topic = broker.create_topic(partitions=2)
    servers = broker.bootstrap_servers
    assert group_lag(settings, servers, [topic, "absent"]) == {topic: 0}
    for value in (b"a", b"b", b"c"):
        broker.produce(topic, [value])
    broker.produce(topic, [b"d"], partition=1)
    assert group_lag(settings, servers, [topic]) == {topic: 4}
    consumer = KafkaConsumer(bootstrap_servers=servers, group_id=settings.kafka.group, enable_auto_commit=False)
    consumer.assign([TopicPartition(topic, 0)])
    consumer.commit({TopicPartition(topic, 0): OffsetAndMetadata(2, "", -1)})
    consumer.close()
    assert group_lag(settings, servers, [topic]) == {topic: 2}


def test_a_broker_that_is_away_is_said_so(settings: Settings) -> None:
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1"):
        create_topics(settings, "127.0.0.1:1", ["a"])
