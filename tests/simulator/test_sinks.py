"""Events to a Kafka topic, on every broker."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaConsumer

from simulator.sinks import TopicSink
from simulator.traffic import simulate
from tests.kafka.broker import Broker
from vigil.errors import BrokerUnavailable
from vigil.settings import KafkaSettings, Settings


def test_events_arrive_in_order_keyed_by_account(broker: Broker) -> None:
    topic = broker.create_topic("simulated")
    start = datetime(2026, 11, 20, 12, tzinfo=UTC)
    events = list(simulate([], seed=4, start=start, duration=timedelta(minutes=30)).events())
    settings = Settings(kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    with TopicSink(settings, topic) as sink:
        for event in events:
            sink.send(event)
    assert sink.sent == len(events) > 100
    consumer = KafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest", consumer_timeout_ms=15_000
    )
    received = []
    for record in consumer:
        received.append(record)
        if len(received) == len(events):
            break
    consumer.close()
    assert [json.loads(record.value) for record in received] == events
    assert all(record.key.decode() == json.loads(record.value)["account_id"] for record in received)


def test_a_broker_that_is_away_is_said_so() -> None:
    settings = Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"))
    with pytest.raises(BrokerUnavailable, match="does not answer"):
        TopicSink(settings, "vigil.events")
