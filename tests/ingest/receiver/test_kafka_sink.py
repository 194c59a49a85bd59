"""From HTTP through a real broker into ClickHouse, and what happens while the broker is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.receiver.refusal import Refusal
from ingest.receiver.sink import KafkaSink
from tests.ingest.consuming import Running, recent, settings_for, wait_for_records
from tests.ingest.receiver.serving import TOKEN, running
from tests.kafka.apache import ApacheKafka
from tests.kafka.broker import Broker
from vigil.broker import topics
from vigil.settings import ReceiveSettings, Settings
from vigil.warehouse import Warehouse


def configured(broker: Broker, topic: str, workspace: Path) -> Settings:
    receive = ReceiveSettings(tokens=f"acme:{TOKEN}", topic=topic, port=0)
    base = settings_for(broker, f"{topic}:received", workspace)
    return base.model_copy(update={"receive": receive})


@pytest.mark.slow
def test_what_is_acknowledged_over_http_arrives_in_clickhouse_under_its_tenant(
    broker: Broker, topic: str, warehouse: Warehouse, tmp_path: Path
) -> None:
    settings = configured(broker, topic, tmp_path)
    with running(KafkaSink(settings, broker.bootstrap_servers), settings) as client:
        assert client.get("/readyz").status_code == 200
        response = client.post("/v1/events", content=b"\n".join([recent(), recent(tenant_id="other"), b"{}"]))
        assert response.json()["accepted"] == 3
    with Running(settings, warehouse):
        wait_for_records(warehouse, 3)
    assert warehouse.query("SELECT tenant_id, kafka_offset FROM events ORDER BY kafka_offset") == [
        ("acme", 0),
        ("acme", 1),
    ]
    assert warehouse.query("SELECT error_class, kafka_offset, dialect FROM dead_letters") == [
        ("missing_field", 2, "received")
    ]


def test_a_broker_that_is_away_is_a_reason_to_come_again(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path, receive=ReceiveSettings(tokens=f"acme:{TOKEN}", delivery_timeout_s=1.0))
    sink = KafkaSink(settings, "127.0.0.1:1")
    assert not sink.is_ready()
    with pytest.raises(Refusal, match="acknowledged") as refusal:
        sink.write([b"{}"])
    assert (refusal.value.status, refusal.value.retry_after_s) == (503, 5)
    sink.close()


@pytest.mark.kafka
def test_a_topic_that_does_not_exist_is_not_made_by_a_sender(apache_kafka: ApacheKafka, tmp_path: Path) -> None:
    """On Apache Kafka; the embedded broker makes topics whether asked to or not."""
    receive = ReceiveSettings(tokens=f"acme:{TOKEN}", topic="no-such-topic", delivery_timeout_s=2.0)
    sink = KafkaSink(Settings(workspace=tmp_path, receive=receive), apache_kafka.bootstrap_servers)
    with pytest.raises(Refusal) as refusal:
        sink.write([b"{}"])
    assert refusal.value.status == 503
    sink.close()


def test_with_tokens_the_receivers_topic_is_read_as_its_dialect_without_being_named() -> None:
    assert [(topic.name, topic.dialect) for topic in topics(Settings())] == [("vigil.events", "canonical")]
    with_tokens = Settings(receive=ReceiveSettings(tokens=f"acme:{TOKEN}"))
    assert [(topic.name, topic.dialect) for topic in topics(with_tokens)][1:] == [("vigil.received", "received")]
