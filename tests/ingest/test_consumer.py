"""The consumer on real brokers and a real ClickHouse: every record stands once in `events` or in `dead_letters`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from ingest.consumer import Consumer
from tests.ingest.events import raw
from tests.kafka.broker import Broker
from vigil.clock import SystemClock
from vigil.settings import Settings
from vigil.warehouse import Warehouse

DEADLINE_S = 60.0


def settings_for(broker: Broker, topic: str, workspace: Path, **ingest: object) -> Settings:
    kafka = {
        "bootstrap_servers": broker.bootstrap_servers,
        "topics": topic,
        "group": f"group-{topic}",
        "session_timeout_s": 6.0,
    }
    return Settings(workspace=workspace, kafka=kafka, ingest={"batch_age_s": 0.2, "max_age_days": 3650, **ingest})


def recent(**fields: object) -> bytes:
    return raw(event_time=SystemClock().now().isoformat(), **fields)


class Running:
    """A consumer in a thread of its own, stopped at the end."""

    def __init__(self, settings: Settings, warehouse: Warehouse) -> None:
        self.stop = threading.Event()
        consumer = Consumer(settings, SystemClock(), warehouse, settings.kafka.bootstrap_servers or "")
        self.thread = threading.Thread(target=consumer.run, args=(self.stop,), daemon=True)

    def __enter__(self) -> Running:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(30)
        assert not self.thread.is_alive()


def wait_for(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Until `condition`; fails with `what` after the deadline."""
    pause = threading.Event()
    for _ in range(int(deadline_s / 0.05)):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError(f"not within {deadline_s:.0f} s: {what}")


def places(warehouse: Warehouse) -> list[tuple[int, int, str]]:
    """(partition, offset, table) of all records stored, sorted: the oracle's view."""
    rows = warehouse.query(
        "SELECT kafka_partition, kafka_offset, 'events' FROM events"
        " UNION ALL SELECT kafka_partition, kafka_offset, 'dead_letters' FROM dead_letters"
    )
    return sorted(rows)


def wait_for_records(warehouse: Warehouse, count: int) -> None:
    wait_for(lambda: len(places(warehouse)) >= count, f"{count} records stored")


def test_every_record_is_an_event_or_a_dead_letter_exactly_once(
    broker: Broker, warehouse: Warehouse, tmp_path: Path
) -> None:
    topic = broker.create_topic(partitions=2)
    bad = {
        "malformed_json": b'{"event_time": ',
        "too_large": recent(output="x" * (5 * 2**20)),
        "time_out_of_range": raw(event_time=12),
        "invalid_utf8": b'{"account_id": "\xff"}',
        "wrong_type": recent(input_tokens="many"),
    }
    good = [recent(input=f"question number {number}") for number in range(200)]
    broker.produce(topic, good[:100] + list(bad.values()) + good[100:150])
    broker.produce(topic, good[150:], partition=1)
    settings = settings_for(broker, topic, tmp_path, max_age_days=30)
    with Running(settings, warehouse):
        wait_for_records(warehouse, 205)
    expected = [(0, offset, "dead_letters" if 100 <= offset < 105 else "events") for offset in range(155)]
    assert places(warehouse) == expected + [(1, offset, "events") for offset in range(50)]
    letters = dict(warehouse.query("SELECT error_class, hex(raw) FROM dead_letters"))
    assert letters == {error_class: payload.hex().upper() for error_class, payload in bad.items()}
    assert warehouse.query("SELECT count() FROM bodies") == [(200,)]
    reasons = [reason for (reason,) in warehouse.query("SELECT reason FROM dead_letters")]
    assert all(len(reason) > 20 for reason in reasons)


def test_a_second_start_reads_on_where_the_first_one_stopped(
    broker: Broker, topic: str, warehouse: Warehouse, tmp_path: Path
) -> None:
    settings = settings_for(broker, topic, tmp_path)
    for start in (0, 50):
        broker.produce(topic, [recent() for _ in range(50)])
        with Running(settings, warehouse):
            wait_for_records(warehouse, start + 50)
    assert places(warehouse) == [(0, offset, "events") for offset in range(100)]
