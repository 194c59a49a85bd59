"""A signal is stored once, and comes back as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from vigil.record import Record
from vigil.record.schema import signals as table
from vigil.record.signals import store, uncorrelated
from vigil.signal import IncidentKind, Severity, Signal, Subject, SubjectType, Window

NOW = datetime(2026, 11, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def signal(key: str, *, end: datetime = NOW) -> Signal:
    return Signal(
        detector="d",
        version="1",
        family="f",
        kind=IncidentKind.ACCOUNT_ANOMALY,
        severity=Severity.HIGH,
        tenant_id="acme",
        key=key,
        window=Window(end - timedelta(hours=1), end),
        subjects=(Subject(SubjectType.ACCOUNT, "ä' OR 1=1 --", 0.9),),
        title="t",
        summary="s",
        score=0.9,
        effect_size=4.0,
        p_value=1e-300,
        facts={"calls": 12, "hours": [1.5, None]},
        event_ids=("e1",),
    )


def test_a_signal_comes_back_as_it_was(record: Record) -> None:
    said = signal("a")
    with record.write() as connection:
        assert store(connection, [said], NOW) == 1
    with record.read() as connection:
        assert uncorrelated(connection, 10) == [said]


def test_the_same_signal_is_stored_once_also_within_one_batch(record: Record) -> None:
    with record.write() as connection:
        assert store(connection, [signal("a"), signal("a")], NOW) == 1
        assert store(connection, [signal("a"), signal("b")], NOW + timedelta(hours=1)) == 1
        assert store(connection, [], NOW) == 0
    with record.read() as connection:
        assert [found.key for found in uncorrelated(connection, 10)] == ["a", "b"]


def test_the_same_thing_said_of_a_later_window_is_another_signal(record: Record) -> None:
    with record.write() as connection:
        assert store(connection, [signal("a"), signal("a", end=NOW + timedelta(minutes=1))], NOW) == 2


def test_waiting_signals_come_oldest_first_and_leave_when_correlated(record: Record) -> None:
    with record.write() as connection:
        for minute, key in ((2, "late"), (0, "early"), (1, "middle")):
            store(connection, [signal(key)], NOW + timedelta(minutes=minute))
        connection.execute(
            update(table).where(table.c.signal_id == signal("early").signal_id).values(incident_id="inc_1")
        )
        assert [found.key for found in uncorrelated(connection, 1)] == ["middle"]
        assert [found.key for found in uncorrelated(connection, 10)] == ["middle", "late"]


def test_a_failed_transaction_stores_no_signal(record: Record) -> None:
    with pytest.raises(ZeroDivisionError), record.write() as connection:
        store(connection, [signal("a")], NOW)
        _ = 1 / 0
    with record.read() as connection:
        assert uncorrelated(connection, 10) == []
