"""The ledger's chain: whatever is done to a row behind vigil's back is found and named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, text, update

from vigil.record import Record, ledger
from vigil.record.schema import ledger as table

NOW = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
ENTRIES = 8
FIELDS = ("seq", "at", "actor", "entry_type", "payload", "prev_hash", "hash")


@pytest.fixture
def chain(record: Record) -> Record:
    with record.write() as connection:
        for number in range(ENTRIES):
            payload = {"number": number, "text": "naïve\x00 \N{SNOWMAN}", "nested": {"b": 1, "a": [1.5, None]}}
            ledger.append(connection, NOW + timedelta(seconds=number), f"actor-{number}", "decided", payload)
    return record


@contextmanager
def tampering(record: Record) -> Iterator[Connection]:
    """A connection on which the ledger can be changed; nothing of it stays."""
    with record.engine.connect() as connection:
        if record.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.execute(text("DROP TRIGGER ledger_no_update"))
            connection.execute(text("DROP TRIGGER ledger_no_delete"))
        else:
            connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER ledger_no_change"))
        yield connection
        connection.rollback()


def entry_at(connection: Connection, seq: int) -> dict[str, Any]:
    return msgspec.structs.asdict(ledger.entries(connection, after_seq=seq - 1, limit=1)[0])


def rewrite(connection: Connection, position: int, **values: Any) -> None:
    connection.execute(update(table).where(table.c.seq == position).values(**values))


def test_an_untouched_chain_holds(chain: Record) -> None:
    with chain.read() as connection:
        found = ledger.verify(connection)
        assert found.ok
        assert found.entries == ENTRIES
        assert found.head == ledger.head(connection)
        entries = ledger.entries(connection)
    assert [entry.seq for entry in entries] == list(range(1, ENTRIES + 1))
    assert entries[0].payload == '{"nested":{"a":[1.5,null],"b":1},"number":0,"text":"naïve\\u0000 ☃"}'


def test_an_empty_chain_holds(record: Record) -> None:
    with record.read() as connection:
        assert ledger.verify(connection) == ledger.Verification(0, ledger.Head(0, ledger.GENESIS))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seq=st.integers(1, ENTRIES),
    field=st.sampled_from(FIELDS),
    position=st.integers(0, 10_000),
    character=st.characters(min_codepoint=32, max_codepoint=126),
)
def test_any_changed_field_of_any_row_is_found_and_named(
    chain: Record, seq: int, field: str, position: int, character: str
) -> None:
    with tampering(chain) as connection:
        before = entry_at(connection, seq)[field]
        after: Any
        if field == "seq":
            after = ENTRIES + 1 + position
        elif field == "at":
            after = before + timedelta(microseconds=position + 1)
        else:
            place = position % len(before)
            after = before[:place] + character + before[place + 1 :]
            if after == before:
                after = before + character
                after = after[:64] if field.endswith("hash") else after
        rewrite(connection, seq, **{field: after})
        found = ledger.verify(connection)
        assert found.ok == (after == before)
        if after != before:
            # The last entry under another number is itself that far from the chain's end; else its old place is empty.
            assert found.bad_seq == seq


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seq=st.integers(1, ENTRIES),
    field=st.sampled_from([name for name in FIELDS if name != "seq"]),
    position=st.integers(0, 10_000),
    change=st.integers(1, 255),
)
@pytest.mark.parametrize("record", ["sqlite"], indirect=True)
def test_any_changed_byte_of_any_row_is_found(chain: Record, seq: int, field: str, position: int, change: int) -> None:
    with tampering(chain) as connection:
        stored = f"SELECT CAST({field} AS BLOB) FROM ledger WHERE seq = :seq"
        raw = bytearray(connection.execute(text(stored), {"seq": seq}).scalar_one())
        raw[position % len(raw)] ^= change
        changed = text(f"UPDATE ledger SET {field} = CAST(:raw AS TEXT) WHERE seq = :seq")
        connection.execute(changed, {"raw": bytes(raw), "seq": seq})
        found = ledger.verify(connection)
        assert not found.ok
        # A changed `prev_hash` or `hash` may show at the entry beside it.
        assert found.bad_seq in (seq - 1, seq, seq + 1)


def test_a_missing_entry_is_named(chain: Record) -> None:
    for seq in range(1, ENTRIES):
        with tampering(chain) as connection:
            connection.execute(delete(table).where(table.c.seq == seq))
            found = ledger.verify(connection)
        assert (found.bad_seq, found.problem) == (seq, f"entry {seq} is missing")


def test_exchanged_entries_are_named(chain: Record) -> None:
    with tampering(chain) as connection:
        for old, new in ((3, 100), (6, 3), (100, 6)):
            rewrite(connection, old, seq=new)
        found = ledger.verify(connection)
    assert found.bad_seq == 3
    assert found.problem == "entries were re-ordered: 3 holds what was written as entry 6"


@pytest.mark.parametrize("seq", [1, 4, ENTRIES - 1])
def test_an_entry_rewritten_with_a_fitting_hash_is_named_by_the_one_after_it(chain: Record, seq: int) -> None:
    with tampering(chain) as connection:
        entry = ledger.entries(connection, after_seq=seq - 1, limit=1)[0]
        forged = msgspec.structs.replace(entry, payload='{"number":99}')
        rewrite(connection, seq, payload=forged.payload, hash=ledger.seal(forged))
        found = ledger.verify(connection)
    assert found.bad_seq in (seq, seq + 1)
    assert found.problem is not None
    assert "rewritten" in found.problem


def test_an_entry_moved_onto_another_past_is_named(chain: Record) -> None:
    with tampering(chain) as connection:
        entry = ledger.entries(connection, after_seq=3, limit=1)[0]
        forged = msgspec.structs.replace(entry, prev_hash="f" * 64)
        rewrite(connection, 4, prev_hash=forged.prev_hash, hash=ledger.seal(forged))
        found = ledger.verify(connection)
    assert (found.bad_seq, found.problem) == (4, "entry 4 was rewritten: it does not follow the entry before it")


def test_a_cut_or_rewritten_end_shows_against_a_noted_head(chain: Record) -> None:
    with chain.read() as connection:
        noted = ledger.head(connection)
        assert ledger.verify(connection, noted).ok
        assert ledger.verify(connection, ledger.Head(3, entry_at(connection, 3)["hash"])).ok
    with tampering(chain) as connection:
        connection.execute(delete(table).where(table.c.seq > ENTRIES - 2))
        assert ledger.verify(connection).ok
        assert ledger.verify(connection, noted).problem == (
            f"entries {ENTRIES - 1} to {ENTRIES} are missing: the chain ended at {ENTRIES} when it was noted"
        )
        ledger.extend(connection, NOW, "forger", [("decided", {}), ("decided", {})])
        assert ledger.verify(connection).ok
        assert ledger.verify(connection, noted).bad_seq == ENTRIES


def test_entries_can_be_picked(chain: Record) -> None:
    with chain.write() as connection:
        ledger.append(connection, NOW, "a", "confirmed", {})
    with chain.read() as connection:
        assert [entry.seq for entry in ledger.entries(connection, entry_type="confirmed")] == [ENTRIES + 1]
        assert [entry.seq for entry in ledger.entries(connection, after_seq=2, limit=2)] == [3, 4]
        span = ledger.entries(
            connection, since=NOW + timedelta(seconds=1), until=NOW + timedelta(seconds=3), entry_type="decided"
        )
        assert [entry.seq for entry in span] == [2, 3]
        assert [entry.seq for entry in ledger.latest(connection, 2)] == [ENTRIES + 1, ENTRIES]
