"""What a test knows of the broker it runs against, whichever that is."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic


@dataclass(frozen=True)
class Broker:
    """A running broker: Apache Kafka, or Tansu, which drops commit metadata and keeps nothing over a restart."""

    kind: Literal["apache", "tansu"]
    bootstrap_servers: str

    def create_topic(self, prefix: str = "events", partitions: int = 1) -> str:
        """A fresh topic; returns its name."""
        name = f"{prefix}-{uuid.uuid4().hex[:12]}"
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        try:
            admin.create_topics([NewTopic(name, num_partitions=partitions, replication_factor=1)])
        finally:
            admin.close()
        return name

    def produce(self, topic: str, values: list[bytes], partition: int = 0) -> None:
        """Write `values` in order and wait until the broker has acknowledged all of them."""
        producer = KafkaProducer(bootstrap_servers=self.bootstrap_servers, acks="all", max_request_size=16 * 2**20)
        try:
            sent = [producer.send(topic, value, partition=partition) for value in values]
            for record in sent:
                record.get(timeout=30)
        finally:
            producer.close()
