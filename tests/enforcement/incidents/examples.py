"""Signals to test with: a ring seen at noon unless said otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from enforcement.incidents.correlate import Changes, Known, correlate
from vigil.incident import Incident
from vigil.record.incidents import Verb
from vigil.signal import IncidentKind, Severity, Signal, Subject, SubjectType, Window

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def accounts(*names: str, score: float = 0.9) -> tuple[Subject, ...]:
    return tuple(Subject(SubjectType.ACCOUNT, name, score) for name in names)


def signal(key: str = "k", end: datetime = NOON, minutes: float = 60, **changes: Any) -> Signal:
    made = Signal(
        detector="shared_template",
        version="1",
        family="coordination",
        kind=IncidentKind.COORDINATED_RING,
        severity=Severity.HIGH,
        tenant_id="acme",
        key=key,
        window=Window(end - timedelta(minutes=minutes), end),
        subjects=accounts("a1", "a2", "a3"),
        title="3 accounts share one template",
        summary="Three accounts send one template",
        score=0.9,
        effect_size=30.0,
        p_value=1e-9,
        facts={"template": "t1"},
        event_ids=("e1", "e2"),
    )
    return msgspec.structs.replace(made, **changes)


class Desk:
    """The record in miniature: applies changes, so that one batch of signals can follow another."""

    def __init__(self) -> None:
        self.by_id: dict[str, Incident] = {}
        self.homes: dict[str, str] = {}

    def take(self, *signals: Signal, now: datetime | None = None, **known: Any) -> Changes:
        now = now or max(one.window.end for one in signals)
        changes = correlate(signals, Known(incidents=list(self.by_id.values()), **known), now)
        for change in changes.changed:
            incident = change.incident
            assert (incident.incident_id in self.by_id) is (change.verb is not Verb.OPEN)
            if change.verb is not Verb.OPEN:
                assert self.by_id[incident.incident_id].revision == incident.revision
                incident = msgspec.structs.replace(incident, revision=incident.revision + 1)
            self.by_id[incident.incident_id] = incident
            self.homes |= dict.fromkeys(change.signal_ids, incident.incident_id)
        self.homes |= dict(changes.already_known)
        placed = [*(one for change in changes.changed for one in change.signal_ids), *dict(changes.already_known)]
        assert sorted(placed) == sorted(one.signal_id for one in signals), "each signal has one home"
        return changes

    def change(self, incident: Incident, **fields: Any) -> Incident:
        self.by_id[incident.incident_id] = msgspec.structs.replace(incident, **fields)
        return self.by_id[incident.incident_id]

    @property
    def open(self) -> list[Incident]:
        return [one for one in self.by_id.values() if one.merged_into is None and not one.state.is_closed]

    @property
    def only(self) -> Incident:
        (incident,) = self.open
        return incident


def names(incident: Incident) -> list[str]:
    return [subject.id for subject in incident.subjects]


def verbs(changes: Changes) -> list[Verb]:
    return [change.verb for change in changes.changed]


def by_kind(found: Iterable[Incident]) -> dict[IncidentKind, Incident]:
    return {one.kind: one for one in found}
