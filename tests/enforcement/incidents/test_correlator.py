"""The correlate step against the record, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy import select

from enforcement.incidents import Correlator
from tests.enforcement.incidents.examples import HOUR, MINUTE, NOON, accounts, names, signal
from vigil.clock import SimulatedClock
from vigil.incident import Incident, IncidentState
from vigil.permitted import Permission, PermittedPrincipals
from vigil.record import Record, incidents, signals
from vigil.record.schema import signals as signals_table
from vigil.signal import IncidentKind, Signal
from vigil.warehouse.accounts import AccountFacts, StaticAccounts


class Desk:
    """A correlator with its clock and what it made."""

    def __init__(self, record: Record, permitted: PermittedPrincipals | None = None) -> None:
        self.record = record
        self.clock = SimulatedClock(NOON)
        red = {("acme", name): AccountFacts(account_id=name, org_id="red") for name in ("a1", "a2", "a3")}
        self.correlator = Correlator(record, self.clock, StaticAccounts(red), permitted or PermittedPrincipals())

    def take(self, *found: Signal, at: datetime | None = None) -> int:
        if at is not None:
            self.clock.advance_to(at)
        with self.record.write() as connection:
            signals.store(connection, found, self.clock.now())
        return self.correlator.run()

    @property
    def all(self) -> list[Incident]:
        with self.record.read() as connection:
            return incidents.list_incidents(connection)

    @property
    def only(self) -> Incident:
        (incident,) = self.all
        return incident

    def homes(self) -> dict[str, str]:
        with self.record.read() as connection:
            rows = connection.execute(select(signals_table.c.signal_id, signals_table.c.incident_id))
            return {row.signal_id: row.incident_id for row in rows}


@pytest.fixture
def desk(record: Record) -> Desk:
    return Desk(record)


def test_signals_become_incidents_once(desk: Desk) -> None:
    assert desk.take(signal(), signal("k2", subjects=accounts("b1"))) == 2
    before = desk.all
    assert len(before) == 2
    assert desk.correlator.run() == 0
    assert desk.take(signal()) == 0, "the same signal again is no news"
    assert desk.all == before


def test_a_growing_ring_is_one_incident_with_its_history(desk: Desk) -> None:
    desk.take(signal())
    desk.take(signal(end=NOON + HOUR, subjects=accounts("a4")), at=NOON + HOUR)
    incident = desk.only
    assert names(incident) == ["a1", "a2", "a3", "a4"]
    assert incident.revision == 2
    with desk.record.read() as connection:
        history = [(line.verb, line.note) for line in incidents.log(connection, incident.incident_id)]
    assert history == [("open", "1 signal; new: a1, a2, a3"), ("update", "1 signal; new: a4")]
    assert set(desk.homes().values()) == {incident.incident_id}


def test_merging_moves_the_signals_and_later_ones_follow(desk: Desk) -> None:
    desk.take(signal("k1", subjects=accounts("a1", "a2")))
    desk.take(signal("k2", end=NOON + HOUR, subjects=accounts("b1", "b2")), at=NOON + HOUR)
    desk.take(signal("k1", end=NOON + 2 * HOUR, subjects=accounts("b1", "b2")), at=NOON + 2 * HOUR)
    desk.take(signal("k2", end=NOON + 3 * HOUR, subjects=accounts("z")), at=NOON + 3 * HOUR)
    incident = desk.only
    assert names(incident) == ["a1", "a2", "b1", "b2", "z"]
    assert set(desk.homes().values()) == {incident.incident_id}


def test_what_a_person_dismissed_stays_dismissed_and_the_signal_is_filed_there(desk: Desk) -> None:
    desk.take(signal())
    dismissed = desk.only
    incidents.dismiss(desk.record, desk.clock, dismissed.incident_id, "ana", "a class")
    late = signal(end=NOON + HOUR, minutes=90)
    assert desk.take(late, at=NOON + HOUR) == 1
    assert desk.only.state is IncidentState.DISMISSED
    assert desk.homes()[late.signal_id] == dismissed.incident_id


def test_a_quiet_incident_closes_and_its_successor_opens_in_one_step(desk: Desk) -> None:
    desk.take(signal())
    later = NOON + 200 * HOUR
    desk.take(signal(end=later), at=later)
    assert sorted(one.state.value for one in desk.all) == ["open", "resolved"]


def test_new_offenders_end_the_containment(desk: Desk) -> None:
    desk.take(signal())
    with desk.record.write() as connection:
        incidents.mark_contained(connection, desk.only.incident_id, NOON)
    desk.take(signal(end=NOON + MINUTE), at=NOON + MINUTE)
    assert desk.only.state.value == "contained"
    desk.take(signal(end=NOON + HOUR, subjects=accounts("a4")), at=NOON + HOUR)
    assert desk.only.state.value == "open"


def test_a_permitted_organisation_stays_out_of_the_queue_until_its_permission_ends(record: Record) -> None:
    red_team = Permission(tenant_id="acme", org_id="red", until=NOON + HOUR, reason="contract 1182")
    desk = Desk(record, PermittedPrincipals([red_team]))
    desk.take(signal())
    assert desk.only.severity.label == "low"
    desk.take(signal(end=NOON + HOUR), at=NOON + HOUR)
    assert desk.only.severity.label == "high"


def test_a_long_queue_is_worked_to_its_end(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enforcement.incidents.correlator.BATCH", 10)
    desk = Desk(record)
    many = [
        signal(f"k{number}", kind=IncidentKind.TELEMETRY_GAP, subjects=(), end=NOON + number * MINUTE)
        for number in range(35)
    ]
    assert desk.take(*many, at=NOON + HOUR) == 35
    assert len(desk.all) == 35


def test_hostile_identifiers_do_not_stop_the_queue(desk: Desk) -> None:
    hostile = ("x" * 3_000, "a\x00b", "'; DROP TABLE signals; --", "\u202e\x1b[2J")
    assert desk.take(signal(subjects=accounts(*hostile), title="Ring of a\x00b")) == 1
    assert set(names(desk.only)) == set(hostile)


def test_correlators_that_run_at_once_open_nothing_twice_and_lose_nothing(record: Record) -> None:
    desk = Desk(record)
    waiting = [signal(f"k{n}", kind=IncidentKind.TELEMETRY_GAP, subjects=()) for n in range(20)]
    with record.write() as connection:
        signals.store(connection, waiting, NOON)
    others = [Desk(record) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        placed = list(threads.map(lambda other: other.correlator.run(), others))
    assert sum(placed) == 20
    assert len(desk.all) == 20
    assert all(one.revision == 1 for one in desk.all)
    assert set(desk.homes()) == {one.signal_id for one in waiting}
    assert None not in desk.homes().values()
