"""The decisions topic: what is in force by action, and nothing of what was lifted."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from enforcement.adapters import Delivered, Unreachable
from enforcement.adapters.kafka import KafkaAdapter
from tests.kafka.broker import Broker
from vigil.delivery import Delivery
from vigil.effect import EffectKind, Target
from vigil.local.process import free_port
from vigil.settings import EnforcementSettings, KafkaSettings, Settings
from vigil.signal import SubjectType


def delivery(effect: EffectKind, number: int, reverses: int | None = None) -> Delivery:
    return Delivery(
        idempotency_key=f"act_{number}",
        action_id=f"act_{number}",
        at=datetime(2026, 11, 1, 12, tzinfo=UTC),
        effect=effect,
        parameters={"rpm": 10},
        target=Target(SubjectType.ACCOUNT, "mallory", "acme"),
        policy="p",
        policy_version="v",
        incident_id=None,
        reason="",
        reverses=None if reverses is None else f"act_{reverses}",
    )


def settings(servers: str, topic: str, timeout_s: float = 20.0) -> Settings:
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=servers),
        enforcement=EnforcementSettings(adapter="kafka", decisions_topic=topic, delivery_timeout_s=timeout_s),
    )


@pytest.fixture
def decisions(broker: Broker) -> Iterator[tuple[KafkaAdapter, Broker, str]]:
    topic = f"decisions-{uuid.uuid4().hex[:12]}"
    adapter = KafkaAdapter(settings(broker.bootstrap_servers, topic))
    yield adapter, broker, topic
    adapter.close()


def read(broker: Broker, topic: str, records: int) -> list[tuple[str, bytes | None, list[str]]]:
    """Key, value and names of headers of the first records."""
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap_servers, consumer_timeout_ms=30_000)
    try:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek_to_beginning()
        found = []
        for record in consumer:
            found.append((record.key.decode(), record.value, [name for name, _ in record.headers]))
            if len(found) == records:
                break
        return found
    finally:
        consumer.close(autocommit=False)


def test_an_effect_stands_under_its_action_until_its_lift_removes_it(
    decisions: tuple[KafkaAdapter, Broker, str],
) -> None:
    adapter, broker, topic = decisions
    throttle = delivery(EffectKind.THROTTLE, 1)
    said = adapter.deliver(throttle)
    assert isinstance(said, Delivered), said
    assert isinstance(adapter.deliver(delivery(EffectKind.LIFT, 2, reverses=1)), Delivered)
    (first, value, _), (second, nothing, headers) = read(broker, topic, 2)
    assert (first, second, nothing, headers) == ("act_1", "act_1", None, ["lift"])
    assert value is not None
    assert msgspec.json.decode(value, type=Delivery) == throttle


def test_a_notice_is_said_and_does_not_stay(decisions: tuple[KafkaAdapter, Broker, str]) -> None:
    adapter, broker, topic = decisions
    assert isinstance(adapter.deliver(delivery(EffectKind.NOTIFY_OWNER, 3)), Delivered)
    assert [value is None for _, value, _ in read(broker, topic, 2)] == [False, True]


def test_a_broker_that_is_away_is_not_reachable() -> None:
    adapter = KafkaAdapter(settings(f"127.0.0.1:{free_port()}", "decisions", timeout_s=1.0))
    said = adapter.deliver(delivery(EffectKind.THROTTLE, 1))
    assert isinstance(said, Unreachable)
    assert "Kafka" in said.reason
