"""The servers take the configuration that docker-compose.yml and deploy/ give them: tried on the real programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deployment.test_compose import ROOT, services
from tests.kafka.apache import ApacheKafka
from tests.kafka.broker import Broker
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.warehouse import Warehouse, migrate

# What the image's own configuration turns on.
# fmt: off
IMAGE_LOGS = (
    "query_log", "query_thread_log", "query_views_log", "query_metric_log", "part_log", "trace_log", "metric_log",
    "latency_log", "error_log", "asynchronous_metric_log", "asynchronous_insert_log", "text_log",
    "processors_profile_log", "opentelemetry_span_log", "session_log", "backup_log", "s3queue_log", "blob_storage_log",
)
# fmt: on


def test_clickhouse_runs_with_the_shipped_configuration_and_keeps_few_logs(tmp_path: Path) -> None:
    merged = tmp_path / "config.d"
    merged.mkdir()
    logs = "".join(f"<{name}><database>system</database><table>{name}</table></{name}>" for name in IMAGE_LOGS)
    profiles = "<profiles><default><log_queries>1</log_queries></default></profiles>"
    (merged / "image.xml").write_text(f"<clickhouse>{logs}{profiles}</clickhouse>")
    (merged / "vigil.xml").write_text((ROOT / "deploy" / "clickhouse.xml").read_text())
    server = EmbeddedClickHouse(tmp_path, tmp_path / "server.log")
    server.start()
    warehouse = Warehouse(server.url)
    try:
        migrate(warehouse)
        warehouse.command("SYSTEM FLUSH LOGS")
        [(name, query)] = warehouse.query(
            "SELECT name, create_table_query FROM system.tables WHERE database = 'system' AND name LIKE '%\\_log'"
        )
        assert name == "query_log"
        assert "TTL event_date + toIntervalDay(7)" in query
        share = "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage_to_ram_ratio'"
        assert warehouse.query(share) == [("0.8",)]
    finally:
        warehouse.close()
        server.stop()


@pytest.mark.kafka
def test_kafka_runs_with_the_settings_of_the_compose_file(apache_kafka: ApacheKafka, tmp_path: Path) -> None:
    given = services()["kafka"]["environment"]
    wanted = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in given.items()
        if name != "KAFKA_HEAP_OPTS"
    }
    server = ApacheKafka(tmp_path, wanted)
    server.start()
    try:
        broker = Broker("apache", server.bootstrap_servers)
        topic = broker.create_topic()
        broker.produce(topic, [b"x" * (5 * 2**20)])
    finally:
        server.stop()
