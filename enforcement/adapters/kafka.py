"""Effects to a compacted Kafka topic: what is in force, by action; a lift removes its action.

Key: the id of the action. Value: the delivery as JSON; null once it is lifted, with the lift in the header `lift`. A
gateway that reads the topic from its beginning knows all that is in force, and one that follows it hears of each
change. A record counts as delivered when all in-sync replicas have it.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import msgspec
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError, TopicAlreadyExistsError

from enforcement.adapters.base import Answer, Delivered, Refused, Unreachable
from vigil.broker import bootstrap_servers, client_options, require_reachable
from vigil.delivery import Delivery
from vigil.effect import EffectKind
from vigil.errors import DependencyError
from vigil.settings import Settings

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class KafkaAdapter:
    """Writes to `enforcement.decisions_topic`, which it makes (one partition, compacted) when it is missing."""

    name = "kafka"
    waits = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.enforcement.decisions_topic
        self._timeout_s = settings.enforcement.delivery_timeout_s
        self._producer: KafkaProducer | None = None
        self._lock = threading.Lock()

    def deliver(self, delivery: Delivery) -> Answer:
        body = msgspec.json.encode(delivery, order="sorted")
        try:
            producer = self._connected()
            if delivery.effect is EffectKind.LIFT:
                assert delivery.reverses is not None
                written = self._write(producer, delivery.reverses, None, [("lift", body)])
            else:
                written = self._write(producer, delivery.action_id, body, [])
                if not delivery.effect.restricts:
                    # Nothing stays in force of a notice: whoever follows has read it.
                    self._write(producer, delivery.action_id, None, [])
        except _TOO_LARGE as error:
            return Refused(f"Kafka does not take a record of {len(body)} bytes: {error}")
        except (KafkaError, DependencyError, OSError) as error:
            self._disconnect()
            return Unreachable(f"Kafka cannot be reached: {type(error).__name__}: {error}")
        return Delivered(f"{self._topic} partition {written.partition} offset {written.offset}")

    def close(self) -> None:
        """Let go of the connection."""
        self._disconnect()

    def _write(self, producer: KafkaProducer, key: str, value: bytes | None, headers: list[tuple[str, bytes]]) -> Any:
        sent = producer.send(self._topic, key=key.encode(), value=value, headers=headers)
        return sent.get(timeout=self._timeout_s)

    def _connected(self) -> KafkaProducer:
        with self._lock:
            if self._producer is None:
                servers = bootstrap_servers(self._settings)
                require_reachable(servers, timeout_s=self._timeout_s)
                options = client_options(self._settings, servers)
                self._make_topic(options)
                self._producer = KafkaProducer(
                    **options,
                    acks="all",
                    linger_ms=0,
                    max_block_ms=int(self._timeout_s * 1000),
                    request_timeout_ms=int(self._timeout_s * 1000),
                    delivery_timeout_ms=int(self._timeout_s * 1000) + 1,
                )
            return self._producer

    def _make_topic(self, options: dict[str, Any]) -> None:
        admin = KafkaAdminClient(**options, request_timeout_ms=int(self._timeout_s * 1000))
        try:
            # One partition: a lift never overtakes what it lifts, and a reader needs no order of its own.
            topic = NewTopic(
                self._topic, num_partitions=1, replication_factor=-1, topic_configs={"cleanup.policy": "compact"}
            )
            with suppress(TopicAlreadyExistsError):
                admin.create_topics([topic])
        finally:
            admin.close()

    def _disconnect(self) -> None:
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):
                producer.close(timeout=1)
