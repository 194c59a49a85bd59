"""The ledger's states and what stands for them in Kafka."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.batch import Buffer, Limits
from ingest.memory import MemoryRecord
from ingest.ranges import MAX_METADATA_BYTES, Position, RangeLedger, recovered
from ingest.watch import WINDOW_EVENTS, BadEventWatch
from tests.ingest.events import NOW
from vigil.errors import IntegrityError, TooManyBadEvents
from vigil.ids import NextOffset

TOPIC = "b2f1c0de-0000-4000-8000-000000000000"
FIRST = NextOffset(3)


def ledger(at: int = 10) -> RangeLedger:
    return RangeLedger(TOPIC, 2, NextOffset(at))


@given(start=st.integers(0, 2**62), rows=st.integers(1, 2**20), minutes=st.integers(-(10**6), 10**6))
def test_a_position_says_exactly_what_the_ledger_says(start: int, rows: int, minutes: int) -> None:
    planned = ledger(start).planned(NextOffset(start + rows), NOW + timedelta(minutes=minutes))
    for state in (ledger(start), planned, planned.stored()):
        assert recovered(state.position, TOPIC, 2, FIRST) == state
        assert len(state.position.metadata) < MAX_METADATA_BYTES


def test_the_token_names_topic_partition_and_range() -> None:
    assert ledger().planned(NextOffset(15), NOW).token == f"{TOPIC}:2:10-15"


def test_a_partition_without_position_starts_at_the_first_record_there_is() -> None:
    assert recovered(None, TOPIC, 2, FIRST).next == FIRST


def test_a_position_of_the_topic_before_it_was_created_anew_is_not_taken() -> None:
    old = ledger(500).planned(NextOffset(600), NOW).position
    assert recovered(old, "another id", 2, FIRST) == RangeLedger("another id", 2, FIRST)


@pytest.mark.parametrize("metadata", ["", "moved by hand", "{}", '{"v": "x"}', "[1]"])
def test_an_offset_that_somebody_set_by_hand_stands(metadata: str) -> None:
    assert recovered(Position(NextOffset(7), metadata), TOPIC, 2, FIRST) == ledger(7)


def test_a_later_version_of_the_ledger_is_not_guessed_at() -> None:
    with pytest.raises(IntegrityError, match="upgrade"):
        recovered(Position(NextOffset(7), '{"v": 2, "epoch": "x"}'), TOPIC, 2, FIRST)


def test_steps_out_of_order_are_bugs() -> None:
    for wrong in (ledger().stored, lambda: ledger().token, lambda: ledger().planned(NextOffset(10), NOW)):
        with pytest.raises(IntegrityError):
            wrong()
    with pytest.raises(IntegrityError):
        ledger().planned(NextOffset(11), NOW).planned(NextOffset(12), NOW)


@given(
    sizes=st.lists(st.integers(0, 50), min_size=1, max_size=40),
    gaps=st.lists(st.integers(1, 5), min_size=40, max_size=40),
)
def test_batches_respect_the_limits_and_together_are_all_records(sizes: list[int], gaps: list[int]) -> None:
    """Offsets have gaps: transactions and compaction leave them."""
    offsets = [sum(gaps[: index + 1]) for index in range(len(sizes))]
    records = [MemoryRecord(offset, b"x" * size) for offset, size in zip(offsets, sizes, strict=True)]
    buffer = Buffer(Limits(rows=5, size_bytes=100, age_s=1.0))
    buffer.add(records, 0.0)
    seen: list[MemoryRecord] = []
    while len(buffer):
        hi = buffer.end_of_batch()
        batch = [record for record in records if record in buffer.before(hi)]
        assert 1 <= len(batch) <= 5
        assert len(batch) == 1 or sum(len(record.value or b"") for record in batch) <= 100
        seen += batch
        buffer.drop_before(hi, 0.0)
    assert seen == records


def test_a_batch_is_due_by_rows_bytes_or_age() -> None:
    buffer = Buffer(Limits(rows=3, size_bytes=100, age_s=1.0))
    assert not buffer.is_due(99.0)
    assert buffer.due_in_s(99.0) is None
    buffer.add([MemoryRecord(0, b"x")], 10.0)
    assert not buffer.is_due(10.5)
    assert buffer.due_in_s(10.5) == 0.5
    assert buffer.is_due(11.0)
    buffer.add([MemoryRecord(1, b"x" * 100)], 10.1)
    assert buffer.is_due(10.2)
    buffer.drop_before(NextOffset(2), 10.2)
    buffer.add([MemoryRecord(offset, None) for offset in (2, 3, 4)], 20.0)
    assert buffer.is_due(20.0)


def test_a_run_of_bad_events_stops_and_a_good_one_ends_the_run() -> None:
    watch = BadEventWatch(share_limit=1.0, run_limit=4)
    watch.observe([True, True, True, False, True, True])
    with pytest.raises(TooManyBadEvents, match="4 bad events in a row"):
        watch.observe([True, True])


def test_a_share_of_bad_events_stops_only_once_there_were_enough() -> None:
    watch = BadEventWatch(share_limit=0.05, run_limit=10**6)
    watch.observe([True] * 500)
    watch.observe([False] * WINDOW_EVENTS)
    watch.observe([True] * 500)
    with pytest.raises(TooManyBadEvents, match="of the last 10,000 events are bad"):
        watch.observe([True])
