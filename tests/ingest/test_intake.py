"""The intake loop beside the happy path: servers away, producers broken, topics created anew, brokers that forget."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from ingest.intake import Intake, Stopping
from ingest.memory import MemoryBroker, MemorySource
from ingest.outcome import Accepted, DeadLetter
from ingest.source import Partition
from ingest.writer import Written
from tests.ingest.events import NOW, pipeline, raw
from vigil import metrics
from vigil.clock import SimulatedClock
from vigil.errors import DeadLetterStoreError, WarehouseUnavailable
from vigil.settings import Settings

FIRST, SECOND = Partition("vigil.events", 0), Partition("vigil.events", 1)


class Recorder:
    """A sink that remembers; `before` may raise."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.before = before
        self.tokens: list[str] = []
        self.offsets: dict[Partition, list[int]] = {FIRST: [], SECOND: []}

    def write(self, accepted: Sequence[Accepted], dead: Sequence[DeadLetter], *, token: str) -> Written:
        self.before()
        self.tokens.append(token)
        for origin in [item.origin for item in accepted] + [letter.origin for letter in dead]:
            place = Partition(origin.kafka_topic, origin.kafka_partition)
            self.offsets[place].append(origin.kafka_offset)
        return Written(len(accepted), len(dead))


class Ticks:
    """A monotonic time that passes when it is looked at."""

    def __init__(self, step_s: float = 0.25) -> None:
        self._now = 0.0
        self._step = step_s

    def __call__(self) -> float:
        self._now += self._step
        return self._now


def intake(
    source: MemorySource,
    sink: Recorder,
    stop: threading.Event | None = None,
    dialects: dict[str, str] | None = None,
    **ingest: object,
) -> Intake:
    settings = Settings(ingest={"batch_rows": 10, **ingest}).ingest
    return Intake(
        source, sink, pipeline(), settings, SimulatedClock(NOW), dialects or {"vigil.events": "canonical"},
        stop or threading.Event(), now_s=Ticks(),
    )  # fmt: skip


def work(subject: Intake, cycles: int = 20) -> None:
    for _ in range(cycles):
        subject.cycle(0.1)


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker([FIRST, SECOND])


def test_ranges_are_contiguous_and_the_last_one_is_said_to_be_done(broker: MemoryBroker) -> None:
    broker.produce(FIRST, [raw() for _ in range(25)])
    sink = Recorder()
    work(intake(MemorySource(broker), sink))
    assert sink.tokens == ["topic-1:0:0-10", "topic-1:0:10-20", "topic-1:0:20-25"]
    position = broker.committed[FIRST]
    assert position.offset == 25
    assert '"hi"' not in position.metadata


def test_while_clickhouse_is_away_nothing_is_lost_and_the_member_stays(broker: MemoryBroker) -> None:
    broker.produce(FIRST, [raw() for _ in range(15)])
    failures = iter([True, True, True])

    def away() -> None:
        if next(failures, False):
            broker.produce(FIRST, [raw()])
            raise WarehouseUnavailable("away")

    sink = Recorder(away)
    work(intake(MemorySource(broker), sink))
    assert sink.offsets[FIRST] == list(range(18))


def test_partitions_held_for_clickhouse_are_read_on_after_a_rebalance_in_between(broker: MemoryBroker) -> None:
    broker.produce(FIRST, [raw() for _ in range(5)])
    failures = iter([True])

    def away() -> None:
        if next(failures, False):
            broker.expel(MemorySource(broker))
            raise WarehouseUnavailable("away")

    sink = Recorder(away)
    subject = intake(MemorySource(broker), sink)
    work(subject)
    broker.produce(FIRST, [raw()])
    work(subject)
    assert sink.offsets[FIRST] == list(range(6))


def test_a_stop_while_clickhouse_is_away_ends_the_waiting(broker: MemoryBroker) -> None:
    broker.produce(FIRST, [raw()])
    stop = threading.Event()

    def away() -> None:
        stop.set()
        raise WarehouseUnavailable("away")

    subject = intake(MemorySource(broker), Recorder(away), stop)
    with pytest.raises(Stopping):
        work(subject)
    assert broker.committed[FIRST].offset == 0


def test_a_dead_letter_store_that_is_broken_stops_everything_before_the_offset_moves(broker: MemoryBroker) -> None:
    broker.produce(FIRST, [raw()])

    def broken() -> None:
        raise DeadLetterStoreError("broken")

    with pytest.raises(DeadLetterStoreError):
        work(intake(MemorySource(broker), Recorder(broken)))
    assert broker.committed[FIRST].offset == 0


def test_a_broken_producer_stops_its_partition_only(broker: MemoryBroker) -> None:
    broker.produce(FIRST, [b"{"] * 30 + [raw()] * 30)
    broker.produce(SECOND, [raw()] * 30)
    sink = Recorder()
    subject = intake(MemorySource(broker), sink, bad_run_limit=25)
    work(subject)
    broker.produce(SECOND, [raw()] * 5)
    work(subject)
    # What was read is stored and its position moved; nothing after it is read.
    assert sink.offsets[FIRST] == list(range(30))
    assert broker.committed[FIRST].offset == 30
    assert sink.offsets[SECOND] == list(range(35))
    assert metrics.PARTITIONS_STOPPED.labels("vigil.events", "0")._value.get() == 1
    # It stays stopped when the group hands out partitions anew, and a restarted process reads on.
    broker.expel(MemorySource(broker))
    work(subject)
    assert sink.offsets[FIRST] == list(range(30))
    broker.expel(broker.members[0])
    work(intake(MemorySource(broker), sink, bad_run_limit=25))
    assert sorted(sink.offsets[FIRST]) == list(range(60))


def test_a_topic_created_anew_is_read_from_its_beginning_under_other_tokens(broker: MemoryBroker) -> None:
    broker.produce(FIRST, [raw()] * 5)
    sink = Recorder()
    subject = intake(MemorySource(broker), sink)
    work(subject)
    broker.recreate_topics()
    # More records than were read of the old one: the offsets alone would tell nothing.
    broker.produce(FIRST, [raw()] * 8)
    work(subject, cycles=60)
    assert sink.offsets[FIRST][:5] == list(range(5))
    assert sorted(set(sink.offsets[FIRST][5:])) == list(range(8))
    assert "topic-2:0:0-8" in sink.tokens


def test_after_kafka_lost_records_what_comes_in_their_place_is_stored_under_other_tokens(broker: MemoryBroker) -> None:
    gaps = metrics.RANGE_GAPS.labels("vigil.events")._value.get()
    broker.produce(FIRST, [raw()] * 8)
    sink = Recorder()
    for _ in range(2):
        source = MemorySource(broker)
        work(intake(source, sink))
        source.close()
        broker.lose_after(FIRST, 5)
    source = MemorySource(broker)
    subject = intake(source, sink)
    work(subject)
    broker.produce(FIRST, [raw()] * 3)
    work(subject)
    source.close()
    assert sink.offsets[FIRST] == [*range(8), 5, 6, 7]
    assert len(set(sink.tokens)) == len(sink.tokens) == 2
    assert metrics.RANGE_GAPS.labels("vigil.events")._value.get() == gaps + 1


def test_a_broker_that_drops_metadata_is_read_on_where_it_was_left(broker: MemoryBroker) -> None:
    broker.keeps_metadata = False
    broker.produce(FIRST, [raw()] * 15)
    sink = Recorder()
    for _ in range(2):
        source = MemorySource(broker)
        work(intake(source, sink))
        source.close()
        broker.produce(FIRST, [raw()] * 3)
    assert sink.offsets[FIRST] == list(range(18))


def test_a_topic_that_is_not_there_yet_is_waited_for(broker: MemoryBroker) -> None:
    broker.produce(FIRST, [raw()] * 3)
    sink = Recorder()
    work(intake(MemorySource(broker), sink, dialects={"vigil.events": "canonical", "later": "canonical"}), cycles=60)
    assert sink.offsets[FIRST] == list(range(3))
