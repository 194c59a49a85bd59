"""Incidents in the record: their life cycle, who is in them, and what was done to them and by whom.

Functions that take a connection run inside the caller's transaction; the verbs of people take the record and make
their own. Every change writes one line of the incident's log and raises `revision` by one.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, bindparam, case, delete, func, insert, select, update

from vigil.clock import Clock
from vigil.errors import IntegrityError, UsageError
from vigil.incident import Incident, IncidentState
from vigil.record.engine import Record
from vigil.record.incident_rows import columns_of, incident_of, index_key, storable, subject_rows
from vigil.record.schema import incident_log, incident_subjects, incidents, signals
from vigil.signal import IncidentKind, Severity, SubjectRole, SubjectType

SERVICE = "vigil"
"""The actor of what the service does by itself."""


class Verb(enum.Enum):
    """What can happen to an incident. `UPDATE`, `MERGE` and `LINK` change what it says, the others its state."""

    OPEN = "open"
    UPDATE = "update"
    MERGE = "merge"
    ACKNOWLEDGE = "acknowledge"
    CONTAIN = "contain"
    RESOLVE = "resolve"
    DISMISS = "dismiss"
    REOPEN = "reopen"
    LINK = "link"


_OPEN, _ACKNOWLEDGED, _CONTAINED = IncidentState.OPEN, IncidentState.ACKNOWLEDGED, IncidentState.CONTAINED
_RESOLVED, _DISMISSED = IncidentState.RESOLVED, IncidentState.DISMISSED

TRANSITIONS: dict[Verb, dict[IncidentState, IncidentState]] = {
    # Somebody who looks at a contained incident takes nothing away from its containment.
    Verb.ACKNOWLEDGE: {_OPEN: _ACKNOWLEDGED, _CONTAINED: _CONTAINED},
    Verb.CONTAIN: {_OPEN: _CONTAINED, _ACKNOWLEDGED: _CONTAINED},
    Verb.RESOLVE: {_OPEN: _RESOLVED, _ACKNOWLEDGED: _RESOLVED, _CONTAINED: _RESOLVED},
    Verb.DISMISS: {_OPEN: _DISMISSED, _ACKNOWLEDGED: _DISMISSED, _CONTAINED: _DISMISSED},
    Verb.REOPEN: {_ACKNOWLEDGED: _OPEN, _CONTAINED: _OPEN, _RESOLVED: _OPEN, _DISMISSED: _OPEN},
}
"""Legal changes of state: verb, then state before, gives state after. Everything else is refused."""

_NOTHING_NEW_FOR_POLICIES = frozenset({Verb.ACKNOWLEDGE, Verb.CONTAIN, Verb.RESOLVE, Verb.DISMISS, Verb.LINK})


_UNENFORCED = (
    incidents.c.revision > incidents.c.enforced_revision,
    incidents.c.merged_into.is_(None),
    incidents.c.state.not_in([_RESOLVED.value, _DISMISSED.value]),
)


class LogLine(msgspec.Struct, frozen=True):
    """One line of an incident's history."""

    at: datetime
    actor: str
    verb: str
    note: str


def get(connection: Connection, incident_id: str) -> Incident:
    """The incident. Raises UsageError when there is none of that id."""
    row = connection.execute(select(incidents).where(incidents.c.incident_id == incident_id)).one_or_none()
    if row is None:
        raise UsageError(f"there is no incident {incident_id}; `vigil incidents list` shows those there are")
    return incident_of(row)


def list_incidents(
    connection: Connection,
    *,
    states: Collection[IncidentState] | None = None,
    kinds: Collection[IncidentKind] | None = None,
    tenant: str | None = None,
    min_severity: Severity | None = None,
    since: datetime | None = None,
    limit: int | None = 200,
) -> list[Incident]:
    """Incidents, last changed first; those merged into another are left out. `since` is about `updated_at`."""
    query = select(incidents).where(incidents.c.merged_into.is_(None))
    if states is not None:
        query = query.where(incidents.c.state.in_([state.value for state in states]))
    if kinds is not None:
        query = query.where(incidents.c.kind.in_([kind.value for kind in kinds]))
    if tenant is not None:
        query = query.where(incidents.c.tenant_id == tenant)
    if min_severity is not None:
        query = query.where(incidents.c.severity >= int(min_severity))
    if since is not None:
        query = query.where(incidents.c.updated_at >= since)
    query = query.order_by(incidents.c.updated_at.desc(), incidents.c.incident_id).limit(limit)
    return _incidents(connection, query)


def by_subject(
    connection: Connection, tenant_id: str, subject_type: SubjectType, subject_id: str, *, limit: int = 50
) -> list[Incident]:
    """Incidents that name this subject in any role, last changed first."""
    named = select(incident_subjects.c.incident_id).where(
        incident_subjects.c.tenant_id == tenant_id,
        incident_subjects.c.subject_type == subject_type.value,
        incident_subjects.c.subject_id == index_key(subject_id),
    )
    query = select(incidents).where(incidents.c.incident_id.in_(named), incidents.c.merged_into.is_(None))
    return _incidents(connection, query.order_by(incidents.c.updated_at.desc(), incidents.c.incident_id).limit(limit))


def with_fingerprints(connection: Connection, fingerprints: Collection[str]) -> list[Incident]:
    """All incidents, closed and merged ones too, with one of these fingerprints, oldest first."""
    return [
        incident
        for batch in _batches(sorted(fingerprints))
        for incident in _incidents(
            connection,
            select(incidents)
            .where(incidents.c.fingerprint.in_(batch))
            .order_by(incidents.c.opened_at, incidents.c.incident_id),
        )
    ]


def sharing_offenders(
    connection: Connection, tenant_id: str, offenders: Collection[tuple[SubjectType, str]], *, closed_since: datetime
) -> list[Incident]:
    """Incidents with one of these offenders, oldest first: open ones, and closed ones that changed since then."""
    by_type: dict[SubjectType, set[str]] = {}
    for subject_type, subject_id in offenders:
        by_type.setdefault(subject_type, set()).add(index_key(subject_id))
    named: set[str] = set()
    for subject_type, keys in by_type.items():
        for batch in _batches(sorted(keys)):
            query = select(incident_subjects.c.incident_id).where(
                incident_subjects.c.tenant_id == tenant_id,
                incident_subjects.c.subject_type == subject_type.value,
                incident_subjects.c.subject_id.in_(batch),
                incident_subjects.c.role == SubjectRole.OFFENDER.value,
            )
            named.update(connection.execute(query).scalars())
    still_matters = incidents.c.open_key.is_not(None) | (incidents.c.updated_at > closed_since)
    return [
        incident
        for batch in _batches(sorted(named))
        for incident in _incidents(
            connection,
            select(incidents)
            .where(incidents.c.incident_id.in_(batch), incidents.c.merged_into.is_(None), still_matters)
            .order_by(incidents.c.opened_at, incidents.c.incident_id),
        )
    ]


def unenforced(connection: Connection, limit: int = 1000) -> list[Incident]:
    """Incidents with a revision that policies have not seen, longest waiting first."""
    query = select(incidents).where(*_UNENFORCED)
    return _incidents(connection, query.order_by(incidents.c.updated_at, incidents.c.incident_id).limit(limit))


def revisions(connection: Connection, incident_ids: Sequence[str]) -> dict[str, int]:
    """The revision at which each of the incidents stands, of those that policies have not seen."""
    found: dict[str, int] = {}
    for batch in _batches(incident_ids):
        query = select(incidents.c.incident_id, incidents.c.revision).where(
            incidents.c.incident_id.in_(batch), *_UNENFORCED
        )
        found |= {row.incident_id: row.revision for row in connection.execute(query)}
    return found


def reopenings(connection: Connection, incident_ids: Sequence[str]) -> dict[str, int]:
    """How often each of the incidents was reopened; those that never were are left out."""
    found: dict[str, int] = {}
    for batch in _batches(incident_ids):
        query = (
            select(incident_log.c.incident_id, func.count().label("times"))
            .where(incident_log.c.incident_id.in_(batch), incident_log.c.verb == Verb.REOPEN.value)
            .group_by(incident_log.c.incident_id)
        )
        found |= {row.incident_id: row.times for row in connection.execute(query)}
    return found


def mark_enforced(connection: Connection, seen: Mapping[str, int]) -> None:
    """Policies have seen the incidents as of these revisions."""
    if seen:
        connection.execute(
            update(incidents)
            .where(incidents.c.incident_id == bindparam("key"), incidents.c.enforced_revision < bindparam("seen"))
            .values(enforced_revision=bindparam("seen")),
            [{"key": incident_id, "seen": revision} for incident_id, revision in seen.items()],
        )


def log(connection: Connection, incident_id: str) -> list[LogLine]:
    """The incident's history, oldest first."""
    query = select(incident_log).where(incident_log.c.incident_id == incident_id).order_by(incident_log.c.seq)
    return [LogLine(row.at, row.actor, row.verb, row.note) for row in connection.execute(query)]


def add(connection: Connection, incident: Incident, note: str = "", actor: str = SERVICE) -> bool:
    """Store a new incident; False, changing nothing, when it or another open one of its fingerprint is there."""
    known = (incidents.c.incident_id == incident.incident_id) | (incidents.c.open_key == incident.fingerprint)
    if connection.execute(select(incidents.c.incident_id).where(known)).first() is not None:
        return False
    connection.execute(insert(incidents).values(**columns_of(incident), enforced_revision=0))
    _store_subjects(connection, incident)
    _write_log(connection, incident.incident_id, incident.opened_at, actor, Verb.OPEN, note)
    return True


def save(connection: Connection, incident: Incident, verb: Verb, note: str = "", actor: str = SERVICE) -> Incident:
    """Store a changed incident, read before at `incident.revision`; returns it at the next revision.

    Raises IntegrityError when somebody else changed it in between (read and save in one `record.write()`), and
    UsageError when it would be a second open incident of its fingerprint.
    """
    changed = msgspec.structs.replace(incident, revision=incident.revision + 1)
    columns = columns_of(changed)
    if columns["open_key"] is not None:
        other = connection.execute(
            select(incidents.c.incident_id).where(
                incidents.c.open_key == columns["open_key"], incidents.c.incident_id != incident.incident_id
            )
        ).scalar_one_or_none()
        if other is not None:
            raise UsageError(f"incident {other} about the same thing is open; go on there")
    if verb in _NOTHING_NEW_FOR_POLICIES:
        # What policies have not seen yet they still see: only an up-to-date mark moves along.
        seen = incidents.c.enforced_revision
        columns["enforced_revision"] = seen + case((seen == incident.revision, 1), else_=0)
    done = connection.execute(
        update(incidents)
        .where(incidents.c.incident_id == incident.incident_id, incidents.c.revision == incident.revision)
        .values(**columns)
    )
    if done.rowcount != 1:
        raise IntegrityError(
            f"incident {incident.incident_id} is no longer at revision {incident.revision}; read it again and repeat"
        )
    if verb in (Verb.UPDATE, Verb.MERGE):
        _store_subjects(connection, changed)
    _write_log(connection, incident.incident_id, incident.updated_at, actor, verb, note)
    return changed


def mark_contained(connection: Connection, incident_id: str, at: datetime) -> bool:
    """Every offender has an effect in force: `open` and `acknowledged` become `contained`. True when it changed."""
    incident = get(connection, incident_id)
    after = TRANSITIONS[Verb.CONTAIN].get(incident.state)
    if after is None:
        return False
    changed = msgspec.structs.replace(incident, state=after, updated_at=at)
    save(connection, changed, Verb.CONTAIN, "every offender has an effect in force")
    return True


def acknowledge(record: Record, clock: Clock, incident_id: str, actor: str, note: str = "") -> Incident:
    """Somebody looks at it. Raises UsageError when the incident's state does not allow it, as the verbs below do."""
    return _apply(record, clock, Verb.ACKNOWLEDGE, incident_id, actor, note)


def resolve(record: Record, clock: Clock, incident_id: str, actor: str, note: str = "") -> Incident:
    """It was real and is over. New evidence opens a new incident that names this one."""
    return _apply(record, clock, Verb.RESOLVE, incident_id, actor, note)


def dismiss(record: Record, clock: Clock, incident_id: str, actor: str, note: str = "") -> Incident:
    """It was nothing. The same evidence does not raise it again."""
    return _apply(record, clock, Verb.DISMISS, incident_id, actor, note)


def reopen(record: Record, clock: Clock, incident_id: str, actor: str, note: str = "") -> Incident:
    """Back to `open`, and before the policies again."""
    return _apply(record, clock, Verb.REOPEN, incident_id, actor, note)


def link_signals(connection: Connection, incident_id: str, signal_ids: Iterable[str]) -> None:
    """These signals now belong to the incident."""
    for signal_id in signal_ids:
        connection.execute(update(signals).where(signals.c.signal_id == signal_id).values(incident_id=incident_id))


def relink_signals(connection: Connection, from_incident: str, to_incident: str) -> None:
    """All signals of one incident move to the one it was merged into."""
    connection.execute(update(signals).where(signals.c.incident_id == from_incident).values(incident_id=to_incident))


def _apply(record: Record, clock: Clock, verb: Verb, incident_id: str, actor: str, note: str) -> Incident:
    with record.write() as connection:
        incident = get(connection, incident_id)
        if incident.merged_into is not None:
            raise UsageError(f"incident {incident_id} was merged into {incident.merged_into}; go on there")
        after = TRANSITIONS[verb].get(incident.state)
        if after is None:
            allowed = ", ".join(state.value for state in TRANSITIONS[verb])
            raise UsageError(
                f"cannot {verb.value} incident {incident_id}: it is {incident.state.value}; possible when it is {allowed}"
            )
        changed = msgspec.structs.replace(incident, state=after, updated_at=max(clock.now(), incident.updated_at))
        return save(connection, changed, verb, note, actor)


def _batches(values: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """Databases limit the parameters of one statement."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _incidents(connection: Connection, query: Select[Any]) -> list[Incident]:
    return [incident_of(row) for row in connection.execute(query)]


def _store_subjects(connection: Connection, incident: Incident) -> None:
    connection.execute(delete(incident_subjects).where(incident_subjects.c.incident_id == incident.incident_id))
    if rows := subject_rows(incident):
        connection.execute(insert(incident_subjects), rows)


def _write_log(connection: Connection, incident_id: str, at: datetime, actor: str, verb: Verb, note: str) -> None:
    connection.execute(
        insert(incident_log).values(
            incident_id=incident_id, at=at, actor=storable(actor), verb=verb.value, note=storable(note)
        )
    )
