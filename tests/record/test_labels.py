"""Labels: the last one counts, all are kept, and the ledger has each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vigil.clock import SimulatedClock
from vigil.errors import UsageError
from vigil.incident import Evidence, Incident, IncidentState
from vigil.record import Record, incidents, ledger
from vigil.record.labels import Verdict, history, label_of, set_label
from vigil.signal import IncidentKind, Severity, Window

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def open_one(record: Record) -> str:
    incident = Incident(
        incident_id="inc_1",
        tenant_id="t",
        kind=IncidentKind.ACCOUNT_ANOMALY,
        severity=Severity.HIGH,
        state=IncidentState.OPEN,
        fingerprint="fp",
        title="t",
        summary="s",
        opened_at=NOW,
        updated_at=NOW,
        window=Window(NOW - timedelta(hours=1), NOW),
        subjects=(),
        detectors=(),
        evidence=Evidence(),
    )
    with record.write() as connection:
        assert incidents.add(connection, incident)
    return incident.incident_id


def test_the_last_label_counts_and_the_first_is_kept(record: Record) -> None:
    incident_id, clock = open_one(record), SimulatedClock(NOW)
    with record.read() as connection:
        assert label_of(connection, incident_id) is None
    set_label(record, clock, incident_id, Verdict.TRUE_POSITIVE, "a", "a note\x00")
    # The same again, at the same moment, is a label of its own.
    set_label(record, clock, incident_id, Verdict.TRUE_POSITIVE, "a")
    clock.advance(timedelta(minutes=1))
    last = set_label(record, clock, incident_id, Verdict.FALSE_POSITIVE, "b")
    with record.read() as connection:
        assert label_of(connection, incident_id) == last
        assert sorted(label.verdict.value for label in history(connection, incident_id)) == [
            "false_positive",
            "true_positive",
            "true_positive",
        ]
        assert len(ledger.entries(connection, entry_type="label")) == 3
        assert ledger.verify(connection).ok


def test_only_incidents_that_exist_are_labelled(record: Record) -> None:
    with pytest.raises(UsageError, match="there is no incident inc_gone"):
        set_label(record, SimulatedClock(NOW), "inc_gone", Verdict.UNSURE, "a")
    with record.read() as connection:
        assert ledger.entries(connection) == []
