"""When every offender of an incident has an effect in force that the other side confirmed, the incident is contained."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from vigil.effect import ActionState, EffectKind, Target
from vigil.incident import Incident, IncidentState
from vigil.record import incidents, ledger
from vigil.record.action_rows import target_key
from vigil.record.incident_rows import index_key
from vigil.record.schema import actions, incident_subjects
from vigil.record.schema import incidents as incident_table
from vigil.signal import SubjectRole, SubjectType

_PRINCIPALS = (SubjectType.END_USER, SubjectType.API_KEY, SubjectType.ACCOUNT, SubjectType.ORG)
_UNCONTAINED = (IncidentState.OPEN.value, IncidentState.ACKNOWLEDGED.value)
_RESTRICTING = tuple(kind.value for kind in EffectKind if kind.restricts)
_CHUNK = 500


def contain_if_covered(connection: Connection, incident_id: str, now: datetime) -> bool:
    """Mark the incident contained when all its offenders are covered; True when that changed it."""
    offenders = _offenders(incidents.get(connection, incident_id))
    if not offenders or not offenders <= _covered(connection, offenders, now):
        return False
    if not incidents.mark_contained(connection, incident_id, now):
        return False
    payload = {"incident_id": incident_id, "offenders": len(offenders)}
    ledger.append(connection, now, incidents.SERVICE, "incident_contained", payload)
    return True


def contain_all_covered(connection: Connection, changed: Iterable[Incident], now: datetime) -> None:
    """Mark those of the incidents contained whose offenders are all covered; one look for all of them."""
    wanted = {incident.incident_id: _offenders(incident) for incident in changed}
    covered = _covered(connection, set().union(*wanted.values()), now)
    for incident_id, keys in wanted.items():
        if keys and keys <= covered:
            contain_if_covered(connection, incident_id, now)


def incidents_about(connection: Connection, target: Target) -> list[str]:
    """Incidents not contained yet in which the target is an offender."""
    query = (
        select(incident_subjects.c.incident_id)
        .join(incident_table, incident_table.c.incident_id == incident_subjects.c.incident_id)
        .where(
            incident_subjects.c.tenant_id == target.tenant_id,
            incident_subjects.c.subject_type == target.type.value,
            incident_subjects.c.subject_id == index_key(target.id),
            incident_subjects.c.role == SubjectRole.OFFENDER.value,
            incident_table.c.state.in_(_UNCONTAINED),
            incident_table.c.merged_into.is_(None),
        )
    )
    return sorted(row.incident_id for row in connection.execute(query))


def _offenders(incident: Incident) -> set[str]:
    """Target keys of the offenders of an incident that may be contained."""
    if incident.state.value not in _UNCONTAINED or incident.merged_into is not None:
        return set()
    return {
        target_key(Target(subject.type, subject.id, incident.tenant_id))
        for subject in incident.subjects
        if subject.role is SubjectRole.OFFENDER and subject.type in _PRINCIPALS
    }


def _covered(connection: Connection, keys: set[str], now: datetime) -> set[str]:
    """Those on whom a restricting effect is confirmed and not over."""
    wanted, covered = sorted(keys), set[str]()
    for start in range(0, len(wanted), _CHUNK):
        query = (
            select(actions.c.target_key)
            .distinct()
            .where(
                actions.c.target_key.in_(wanted[start : start + _CHUNK]),
                actions.c.effect.in_(_RESTRICTING),
                actions.c.state == ActionState.CONFIRMED.value,
                actions.c.expires_at.is_(None) | (actions.c.expires_at > now),
            )
        )
        covered |= set(connection.execute(query).scalars())
    return covered
