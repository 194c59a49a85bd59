"""A real OpenTelemetry Collector, configured as docs/connect-collector.md says, through Kafka and through the receiver.

`tests/conformance/collector.sh` builds it; without it these tests are skipped, and only what it once wrote to Kafka
(tests/ingest/dialects/recorded) is read.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from kafka import KafkaConsumer

from ingest.dialects.received import unwrap
from tests.ingest.dialects.payloads import read, recorded, span
from tests.ingest.receiver.serving import TOKEN, MemorySink, running, settings
from tests.kafka.broker import Broker
from vigil.local.process import free_port

ROOT = Path(__file__).parent.parent.parent
COLLECTOR = Path(os.environ.get("VIGIL_OTELCOL", ROOT / ".tools" / "otelcol" / "otelcol"))
PAGE = ROOT / "docs" / "connect-collector.md"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
DEADLINE_S = 60

pytestmark = pytest.mark.skipif(not COLLECTOR.exists(), reason="no collector: run tests/conformance/collector.sh")


def documented(beginning: str) -> dict[str, Any]:
    """The block of the page that begins so."""
    block = re.search(rf"```yaml\n({beginning}:.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    config: dict[str, Any] = yaml.safe_load(block[1])
    return config


@contextmanager
def collector(
    config: dict[str, Any], folder: Path, environment: dict[str, str] | None = None
) -> Iterator[httpx.Client]:
    """A running collector; the client posts to its OTLP receiver."""
    port = free_port()
    config["receivers"] = {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}}
    config["service"]["telemetry"] = {"metrics": {"level": "none"}}
    file = folder / "collector.yaml"
    file.write_text(yaml.safe_dump(config))
    with (folder / "collector.log").open("wb") as log:
        process = subprocess.Popen(
            [str(COLLECTOR), "--config", str(file)], stdout=log, stderr=log, env={**os.environ, **(environment or {})}
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            _until(lambda: _answers(client), folder / "collector.log")
            yield client
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("encoding", ["otlp_proto", "otlp_json"])
def test_what_it_writes_to_kafka_is_read(broker: Broker, tmp_path: Path, encoding: str) -> None:
    config = documented("receivers")
    exporter = config["exporters"]["kafka"]
    exporter["brokers"] = [broker.bootstrap_servers]
    topics = {signal: broker.create_topic(signal) for signal in ("traces", "logs")}
    for signal, topic in topics.items():
        exporter[signal] |= {"topic": topic, "encoding": encoding}
    with collector(config, tmp_path) as client:
        http = span({"http.request.method": "GET"}).SerializeToString()
        for path, body in (
            ("/v1/traces", recorded("openinference_traces.bin") + http),
            ("/v1/logs", recorded("openai_v2_logs.bin")),
        ):
            assert client.post(path, content=body, headers=PROTOBUF).status_code == 200
        records = {signal: _first_record(broker, topic) for signal, topic in topics.items()}
    assert (records["traces"][:1] == b"{") is (encoding == "otlp_json")
    assert read("otlp", records["traces"]) == read("otlp", recorded("openinference_traces.bin"))
    assert read("otlp_logs", records["logs"]) == read("otlp_logs", recorded("openai_v2_logs.bin"))


def test_what_it_posts_to_the_receiver_is_read(tmp_path: Path) -> None:
    sink = MemorySink()
    config = documented("exporters")
    config["service"] = {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["otlphttp"]}}}
    with running(sink, settings()) as receiver:
        config["exporters"]["otlphttp"]["endpoint"] = str(receiver.base_url).rstrip("/")
        with collector(config, tmp_path, {"VIGIL_TOKEN": TOKEN}) as client:
            client.post("/v1/traces", content=recorded("traceloop_traces.bin"), headers=PROTOBUF)
            _until(lambda: len(sink.values) >= 6, tmp_path / "collector.log")
    assert [unwrap(value)[0].dialect for value in sink.values] == ["otlp"] * 6


def _first_record(broker: Broker, topic: str) -> bytes:
    consumer = KafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest", group_id=None
    )
    try:
        for _ in range(DEADLINE_S):
            for records in consumer.poll(timeout_ms=1_000).values():
                value: bytes = records[0].value
                return value
    finally:
        consumer.close()
    raise AssertionError(f"nothing arrived on {topic}")


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/").status_code < 500
    except httpx.TransportError:
        return False


def _until(condition: Callable[[], bool], log: Path) -> None:
    pause = threading.Event()
    for _ in range(DEADLINE_S * 10):
        if condition():
            return
        pause.wait(0.1)
    raise AssertionError(f"not within {DEADLINE_S} s: {log.read_text(errors='replace')[-1_500:]}")
