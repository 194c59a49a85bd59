"""Events a second through the whole consumer, beside ClickHouse's own Kafka engine and a plain loop, over the same topic.

All read the same `events` records of about 900 bytes from one partition of the embedded broker into the embedded
ClickHouse, one after the other on the same machine:

* vigil: `vigil ingest` as a process of its own, as under `vigil up`: validation, redaction, dead letters, bodies,
  deduplication tokens, fingerprints, and the views behind the detectors.
* the plain loop: kafka-python → `json.loads` → clickhouse-driver in columns, 20,000 rows a batch, into a plain
  MergeTree table of the same fields. It checks nothing, redacts nothing and would store a batch twice after a crash.
* the engine: ClickHouse's table engine Kafka (JSONEachRow) → materialized view → the same plain table. One consumer,
  20,000 rows a block. It checks nothing either, and delivers at least once.

Then, with an empty topic, events are produced at half of vigil's rate for `seconds`: `p99_queryable_ms` is from the
moment an event was handed to the producer until a query first saw its offset.
`lost` and `duplicated` are recounted by (partition, offset) over everything produced. The embedded broker drops commit
metadata, so this run has no crashes in it; `make faults` has.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import OffsetAndMetadata, TopicPartition

from benchmarks._ingest_payloads import Payloads
from benchmarks._ingest_stages import cpu_by_stage
from vigil.local.broker import EmbeddedBroker
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.local.process import ChildProcess
from vigil.local.topics import create_topics
from vigil.settings import Settings
from vigil.warehouse import Warehouse, migrate

_BATCH_ROWS = 20_000
_STAGE_EVENTS = 20_000
_COUNT = {"events": "SELECT count() FROM events", "engine": "SELECT count() FROM engine"}
_NUMBERS = ("input_tokens", "output_tokens", "duration_ms")
_PATIENCE_S = 300.0
_POLL_S = 0.02
_FIELDS = (
    "event_id", "event_time", "account_id", "org_id", "source", "session_id", "request_model", "operation", "provider",
    "input_tokens", "output_tokens", "duration_ms", "status", "client_ip", "user_agent", "input", "output",
)  # fmt: skip


def run(*, events: int = 200_000, seconds: int = 10, seed: int = 5) -> dict[str, Any]:
    """Measure; returns the figures."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vigil-bench-")))
        bench = stack.enter_context(_Bench.started(folder))
        payloads = Payloads(seed)
        stages = cpu_by_stage(list(Payloads(seed).take(_STAGE_EVENTS)))
        _say(f"producing {events:,} events")
        size = bench.produce(payloads.take(events), "load")
        _say("the plain loop")
        plain = bench.plain_loop(events, "load")
        _say("ClickHouse's Kafka engine")
        engine = bench.kafka_engine(events, "load")
        _say("vigil ingest")
        server_before_s = bench.server_cpu_s()
        with bench.consumer("load") as consumer:
            vigil = bench.rate("events", events)
            cpu_s = consumer.cpu_s()
            peak = consumer.peak_rss_mib()
        server_cpu_s = bench.server_cpu_s() - server_before_s
        lost, duplicated = bench.recount(events)
        steady = max(100, int(vigil / 2))
        _say(f"producing {steady:,} events/s for {seconds} s")
        bench.forget()
        delays = bench.latency(payloads, steady, seconds)
        more_lost, more_duplicated = bench.recount(len(delays) + 1)
    return {
        "events_per_second": round(vigil),
        "plain_loop_events_per_second": round(plain),
        "ratio_to_plain_loop": round(vigil / plain, 3),
        "kafka_engine_events_per_second": round(engine),
        "ratio_to_kafka_engine": round(vigil / engine, 3),
        "bytes_per_second": round(vigil * size / events),
        "events_per_cpu_second": round(events / cpu_s),
        "consumer_cpu_us_per_event": round(cpu_s / events * 1e6, 1),
        "clickhouse_cpu_us_per_event": round(server_cpu_s / events * 1e6, 1),
        **{f"{stage}_cpu_us_per_event": cost for stage, cost in stages.items()},
        "p50_queryable_ms": round(float(np.percentile(delays, 50)) * 1000, 1),
        "p99_queryable_ms": round(float(np.percentile(delays, 99)) * 1000, 1),
        "queryable_at_events_per_second": steady,
        "peak_rss_mib": round(peak, 1),
        "bytes_per_event": round(size / events),
        "events": events + len(delays),
        "lost": lost + more_lost,
        "duplicated": duplicated + more_duplicated,
    }


class _Bench:
    """The servers, and what is done with them."""

    def __init__(self, folder: Path, servers: str, warehouse: Warehouse, url: str, server: ChildProcess) -> None:
        self._folder = folder
        self._server = server
        self._servers = servers
        self._warehouse = warehouse
        self._url = url

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator[_Bench]:
        """Own servers, stopped at the end."""
        with ExitStack() as stack:
            clickhouse = EmbeddedClickHouse(folder / "clickhouse", folder / "clickhouse.log")
            stack.callback(clickhouse.stop)
            clickhouse.start()
            broker = EmbeddedBroker(folder / "broker", folder / "broker.log")
            stack.callback(broker.stop)
            broker.start()
            warehouse = Warehouse(clickhouse.url)
            stack.callback(warehouse.close)
            migrate(warehouse)
            create_topics(Settings(), broker.bootstrap_servers, ["load", "steady"], embedded=True)
            yield cls(folder, broker.bootstrap_servers, warehouse, clickhouse.url, clickhouse.process)

    def produce(self, values: Iterator[bytes], topic: str) -> int:
        """Write all values; returns their bytes."""
        size = 0
        producer = KafkaProducer(bootstrap_servers=self._servers, compression_type="lz4", linger_ms=20)
        try:
            for value in values:
                producer.send(topic, value, partition=0)
                size += len(value)
            producer.flush()
        finally:
            producer.close()
        return size

    def server_cpu_s(self) -> float:
        """Seconds of CPU that ClickHouse has used so far."""
        return _Process(self._server).cpu_s()

    def kafka_engine(self, events: int, topic: str) -> float:
        """Events a second of ClickHouse's own consumer, from its first block to its last."""
        texts = ", ".join(f"{name} {'UInt32' if name in _NUMBERS else 'String'}" for name in _FIELDS)
        self._create_plain("engine")
        self._warehouse.command(
            f"CREATE TABLE engine_queue ({texts}) ENGINE = Kafka SETTINGS kafka_broker_list = '{self._servers}',"
            f" kafka_topic_list = '{topic}', kafka_group_name = 'engine', kafka_format = 'JSONEachRow',"
            f" kafka_max_block_size = {_BATCH_ROWS}, kafka_flush_interval_ms = 1000"
        )
        self._warehouse.command(
            "CREATE MATERIALIZED VIEW engine_view TO engine AS SELECT * REPLACE(toUUID(event_id) AS event_id,"
            " parseDateTime64BestEffort(event_time, 6, 'UTC') AS event_time) FROM engine_queue"
        )
        try:
            return self.rate("engine", events)
        finally:
            self._warehouse.command("DROP TABLE engine_view SYNC")
            self._warehouse.command("DROP TABLE engine_queue SYNC")

    def _create_plain(self, table: str) -> None:
        """A table of the same fields and nothing else."""
        types = {"event_id": "UUID", "event_time": "DateTime64(6, 'UTC')", **dict.fromkeys(_NUMBERS, "UInt32")}
        columns = ", ".join(f"{name} {types.get(name, 'String')}" for name in _FIELDS)
        self._warehouse.command(
            f"CREATE TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY (event_time, account_id)"
        )

    def plain_loop(self, events: int, topic: str) -> float:
        """Events a second of the loop that checks nothing."""
        self._create_plain("plain")
        partition = TopicPartition(topic, 0)
        consumer = KafkaConsumer(
            bootstrap_servers=self._servers, group_id="plain", enable_auto_commit=False, max_poll_records=_BATCH_ROWS,
            auto_offset_reset="earliest", max_partition_fetch_bytes=16 * 2**20,
        )  # fmt: skip
        consumer.assign([partition])
        done = 0
        waiting: list[Any] = []
        started = time.perf_counter()
        try:
            while done < events:
                waiting += [record for records in consumer.poll(timeout_ms=500).values() for record in records]
                if len(waiting) < _BATCH_ROWS and done + len(waiting) < events:
                    continue
                parsed = [json.loads(record.value) for record in waiting]
                data = [[event[name] for event in parsed] for name in _FIELDS]
                data[1] = [datetime.fromisoformat(moment) for moment in data[1]]
                data[-2] = [json.dumps(messages) for messages in data[-2]]
                self._warehouse.insert("plain", _FIELDS, data)
                done += len(waiting)
                consumer.commit({partition: OffsetAndMetadata(waiting[-1].offset + 1, "", -1)})
                waiting = []
            return events / (time.perf_counter() - started)
        finally:
            consumer.close()

    @contextmanager
    def consumer(self, topic: str) -> Iterator[_Process]:
        """`vigil ingest` on one topic."""
        environment = {
            "VIGIL_WORKSPACE": str(self._folder / "workspace"),
            "VIGIL_KAFKA__BOOTSTRAP_SERVERS": self._servers,
            "VIGIL_KAFKA__TOPICS": topic,
            "VIGIL_KAFKA__SESSION_TIMEOUT_S": "6",
            "VIGIL_CLICKHOUSE__URL": self._url,
        }
        child = ChildProcess("vigil ingest", self._folder / "ingest.log")
        child.start([sys.executable, "-m", "vigil.cli", "ingest"], environment=environment)
        try:
            yield _Process(child)
        finally:
            child.stop()

    def rate(self, table: str, events: int) -> float:
        """Events a second from the first batch that is there to the last."""
        first: tuple[float, int] | None = None
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            ((stored,),) = self._warehouse.query(_COUNT[table])
            now = time.monotonic()
            if first is None and stored:
                first = (now, stored)
            if stored >= events and first is not None:
                return float((stored - first[1]) / (now - first[0]))
            time.sleep(_POLL_S)
        raise TimeoutError(f"not all events were stored within {_PATIENCE_S:.0f} s; see {self._folder}/ingest.log")

    def recount(self, events: int) -> tuple[int, int]:
        """(lost, duplicated) by offset."""
        ((rows, places),) = self._warehouse.query("SELECT count(), uniqExact(kafka_offset) FROM events")
        return events - places, rows - places

    def forget(self) -> None:
        """Empty the table."""
        self._warehouse.command("TRUNCATE TABLE events SYNC")

    def latency(self, payloads: Payloads, rate: int, seconds: int) -> list[float]:
        """Seconds from produced to queryable, of every event after the consumer had warmed up."""
        produced: list[float] = []
        seen: list[float] = []
        with self.consumer("steady"):
            self.produce(payloads.take(1), "steady")
            while not self._stored():
                time.sleep(_POLL_S)
            done = threading.Event()
            watcher = threading.Thread(target=self._watch, args=(seen, rate * seconds + 1, done), daemon=True)
            watcher.start()
            self._produce_steadily(payloads, rate, seconds, produced)
            done.wait(_PATIENCE_S)
            watcher.join(_PATIENCE_S)
        return [after - before for before, after in zip(produced, seen[1:], strict=True)] or [0.0]

    def _produce_steadily(self, payloads: Payloads, rate: int, seconds: int, produced: list[float]) -> None:
        producer = KafkaProducer(bootstrap_servers=self._servers, compression_type="lz4", linger_ms=5)
        started = time.monotonic()
        try:
            for number, value in enumerate(payloads.take(rate * seconds)):
                ahead_s = started + number / rate - time.monotonic()
                if ahead_s > 0.002:
                    time.sleep(ahead_s)
                produced.append(time.monotonic())
                producer.send("steady", value, partition=0)
            producer.flush()
        finally:
            producer.close()

    def _watch(self, seen: list[float], events: int, done: threading.Event) -> None:
        """When each offset was first seen; the topic has one partition and is stored in order."""
        try:
            while len(seen) < events:
                stored = self._stored()
                seen += [time.monotonic()] * (stored - len(seen))
                time.sleep(_POLL_S)
        finally:
            self._warehouse.close()
            done.set()

    def _stored(self) -> int:
        return int(self._warehouse.query("SELECT count() FROM events")[0][0])


class _Process:
    """What the operating system says of a child."""

    def __init__(self, child: ChildProcess) -> None:
        self._folder = Path(f"/proc/{child.pid}")

    def cpu_s(self) -> float:
        """Seconds of CPU so far, user and system."""
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_rss_mib(self) -> float:
        """The most memory it has held."""
        lines = (self._folder / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
