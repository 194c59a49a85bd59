"""What the fault run starts, breaks and mends: a broker, a ClickHouse server on a small disk, consumers, a producer."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaError, UnknownTopicOrPartitionError
from kafka.structs import TopicPartition

from tests.ingest.consuming import Process, environment_for, recent, wait_for
from tests.kafka.apache import ApacheKafka
from tests.kafka.broker import Broker
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.local.process import ChildProcess
from vigil.warehouse import Warehouse, migrate

TOPIC = "faults"
PARTITIONS = 4
DISK_MIB = 512

# Beside the events, because ReplacingMergeTree would in time merge the duplicates that are looked for.
_SEEN = """
CREATE TABLE seen (life String, kafka_partition Int32, kafka_offset Int64, kind String)
ENGINE = MergeTree ORDER BY (life, kafka_partition, kafka_offset) SETTINGS non_replicated_deduplication_window = 10000
"""
_VIEWS = (
    "CREATE MATERIALIZED VIEW seen_events TO seen AS SELECT environment AS life, kafka_partition, kafka_offset,"
    " 'event' AS kind FROM events",
    "CREATE MATERIALIZED VIEW seen_letters TO seen AS SELECT extract(raw, 'life-[0-9]+') AS life, kafka_partition,"
    " kafka_offset, 'letter' AS kind FROM dead_letters",
)


class Servers:
    """Everything under one folder; `life` counts the topics of one name that followed each other."""

    def __init__(self, folder: Path, kafka: ApacheKafka, clickhouse: EmbeddedClickHouse, *, small_disk: bool) -> None:
        self.folder = folder
        self.kafka = kafka
        self.clickhouse = clickhouse
        self.small_disk = small_disk
        self.life = 0
        self.warehouse = Warehouse(clickhouse.url, timeout_s=10.0)
        self.consumers: list[Process] = []
        migrate(self.warehouse)
        for statement in (_SEEN, *_VIEWS):
            self.warehouse.command(statement)
        self._create_topic()

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator[Servers]:
        """All servers, ended with everything they started."""
        with ExitStack() as stack:
            disk = folder / "clickhouse"
            disk.mkdir()
            small = stack.enter_context(_small_disk(disk))
            clickhouse = EmbeddedClickHouse(disk, folder / "clickhouse.log")
            stack.callback(clickhouse.stop)
            clickhouse.start()
            kafka = ApacheKafka(folder / "kafka")
            stack.callback(kafka.stop)
            kafka.start()
            servers = cls(folder, kafka, clickhouse, small_disk=small)
            stack.callback(servers.warehouse.close)
            stack.callback(servers.end_consumers)
            yield servers

    def add_consumer(self) -> None:
        """One more `vigil ingest`."""
        broker = Broker("apache", self.kafka.bootstrap_servers)
        environment = environment_for(broker, TOPIC, self.warehouse, self.folder / "workspace")
        environment["VIGIL_INGEST__BATCH_ROWS"] = "100"
        self.consumers.append(Process(environment, self.folder / "consumers.log"))

    def end_consumers(self) -> None:
        """SIGKILL all of them."""
        while self.consumers:
            self.consumers.pop().kill()

    def create_topic_anew(self) -> None:
        """Delete the topic, whatever of it has been read, and create it again under the same name."""
        admin = KafkaAdminClient(bootstrap_servers=self.kafka.bootstrap_servers)
        try:
            with suppress(UnknownTopicOrPartitionError):
                admin.delete_topics([TOPIC])
        finally:
            admin.close()
        self._create_topic()

    def _create_topic(self) -> None:
        self.life += 1
        admin = KafkaAdminClient(bootstrap_servers=self.kafka.bootstrap_servers)

        def created() -> bool:
            with suppress(KafkaError):
                admin.create_topics([NewTopic(TOPIC, num_partitions=PARTITIONS, replication_factor=1)])
                return True
            return False

        try:
            wait_for(created, "the topic created (again)", 60.0)
        finally:
            admin.close()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """ClickHouse's disk without a free byte."""
        filler = self.folder / "clickhouse" / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(2**20))
        try:
            yield
        finally:
            filler.unlink()

    def ends(self) -> dict[int, int]:
        """Partition → records of the present topic."""
        keys = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
        consumer = KafkaConsumer(bootstrap_servers=self.kafka.bootstrap_servers)
        try:
            return {key.partition: offset for key, offset in consumer.end_offsets(keys).items()}
        finally:
            consumer.close()


class Traffic:
    """Records all the time, one in sixty broken; a record that may have been written twice is two records."""

    def __init__(self, servers: Servers, seed: int, *, rows_a_second: int = 300) -> None:
        self._servers = servers
        self._chance = random.Random(seed)
        self._pause_s = 0.1
        self._rows = max(1, int(rows_a_second * self._pause_s))
        self._stop, self._interrupt, self._idle = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(90)

    @contextmanager
    def interrupted(self) -> Iterator[None]:
        """Nothing is on its way: a record of one topic must not reach the next one of the same name."""
        self._interrupt.set()
        assert self._idle.wait(90)
        try:
            yield
        finally:
            self._interrupt.clear()

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._interrupt.is_set():
                self._idle.set()
            else:
                self._idle.clear()
                with suppress(KafkaError, OSError):
                    self._produce(f"life-{self._servers.life}")
            self._stop.wait(0.2)

    def _produce(self, life: str) -> None:
        producer = KafkaProducer(
            bootstrap_servers=self._servers.kafka.bootstrap_servers, acks="all", linger_ms=5, max_block_ms=2_000
        )
        try:
            while not (self._interrupt.is_set() or self._stop.wait(self._pause_s)):
                for _ in range(self._rows):
                    producer.send(TOPIC, self._payload(life), partition=self._chance.randrange(PARTITIONS))
        finally:
            producer.close(timeout=5)

    def _payload(self, life: str) -> bytes:
        if self._chance.random() < 1 / 60:
            return b'{"environment": "%s", broken' % life.encode()
        return recent(environment=life)


@contextmanager
def paused(process: ChildProcess | Process) -> Iterator[None]:
    """SIGSTOP, and SIGCONT at the end."""
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    """A tmpfs on `folder` where this user may mount one; whether it is there."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)
