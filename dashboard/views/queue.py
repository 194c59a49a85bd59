"""The analysts' queue: what is open, how bad, how old, and what has been done about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, case, exists, func, or_, select

from vigil.effect import ActionState, EffectKind
from vigil.incident import IncidentState
from vigil.record.schema import actions, incident_log, incident_subjects, incidents
from vigil.signal import IncidentKind, Severity, SubjectRole

QUEUE_FLOOR = Severity.MEDIUM
"""From here up an incident is for people (contract section 2)."""

ACTIVE_STATES = tuple(state for state in IncidentState if not state.is_closed)

_STATE_ORDER = (
    IncidentState.OPEN,
    IncidentState.ACKNOWLEDGED,
    IncidentState.CONTAINED,
    IncidentState.RESOLVED,
    IncidentState.DISMISSED,
)


class QueueFilter(msgspec.Struct, frozen=True):
    """What the analyst wants to see. Empty collections mean: all."""

    states: Collection[IncidentState] = ACTIVE_STATES
    kinds: Collection[IncidentKind] = ()
    min_severity: Severity = QUEUE_FLOOR
    tenants: Collection[str] = ()
    text: str = ""


class Done(msgspec.Struct, frozen=True):
    """So many actions of one effect in one state."""

    effect: EffectKind
    state: ActionState
    count: int


class QueueRow(msgspec.Struct, frozen=True, kw_only=True):
    """One incident of the queue. `members` counts offenders, or all subjects when there is none."""

    incident_id: str
    tenant_id: str
    kind: IncidentKind
    severity: Severity
    state: IncidentState
    title: str
    opened_at: datetime
    updated_at: datetime
    members: int
    acknowledged_by: str | None
    done: tuple[Done, ...]


class QueueCounts(msgspec.Struct, frozen=True):
    """The numbers at the top. `open_by_severity` counts the open and not yet contained ones in the queue."""

    open_by_severity: dict[Severity, int]
    acknowledged: int
    contained: int
    pages: int
    held: int


def queue(connection: Connection, wanted: QueueFilter, limit: int = 200) -> tuple[list[QueueRow], int]:
    """The rows, open ones first and the worst and newest on top, and how many match in all."""
    conditions = [incidents.c.merged_into.is_(None), incidents.c.severity >= int(wanted.min_severity)]
    if wanted.states:
        conditions.append(incidents.c.state.in_([state.value for state in wanted.states]))
    if wanted.kinds:
        conditions.append(incidents.c.kind.in_([kind.value for kind in wanted.kinds]))
    if wanted.tenants:
        conditions.append(incidents.c.tenant_id.in_(list(wanted.tenants)))
    if text := wanted.text.strip():
        named = exists().where(
            incident_subjects.c.incident_id == incidents.c.incident_id,
            incident_subjects.c.subject_id.icontains(text, autoescape=True),
        )
        conditions.append(
            or_(
                incidents.c.title.icontains(text, autoescape=True),
                incidents.c.incident_id.icontains(text, autoescape=True),
                named,
            )
        )
    total = connection.execute(select(func.count()).select_from(incidents).where(*conditions)).scalar_one()
    by_state = case(*[(incidents.c.state == state.value, place) for place, state in enumerate(_STATE_ORDER)], else_=9)
    found = connection.execute(
        select(
            incidents.c.incident_id,
            incidents.c.tenant_id,
            incidents.c.kind,
            incidents.c.severity,
            incidents.c.state,
            incidents.c.title,
            incidents.c.opened_at,
            incidents.c.updated_at,
        )
        .where(*conditions)
        .order_by(by_state, incidents.c.severity.desc(), incidents.c.opened_at.desc(), incidents.c.incident_id)
        .limit(limit)
    ).all()
    ids = [row.incident_id for row in found]
    members = _members(connection, ids)
    owners = _acknowledged_by(connection, ids)
    done = done_about(connection, ids)
    rows = [
        QueueRow(
            incident_id=row.incident_id,
            tenant_id=row.tenant_id,
            kind=IncidentKind(row.kind),
            severity=Severity(row.severity),
            state=IncidentState(row.state),
            title=row.title,
            opened_at=row.opened_at,
            updated_at=row.updated_at,
            members=members.get(row.incident_id, 0),
            acknowledged_by=owners.get(row.incident_id),
            done=tuple(done.get(row.incident_id, ())),
        )
        for row in found
    ]
    return rows, total


def counts(connection: Connection, now: datetime) -> QueueCounts:
    """The numbers at the top; pages are those of the last 24 hours."""
    in_queue = (incidents.c.merged_into.is_(None), incidents.c.severity >= int(QUEUE_FLOOR))
    by_state = connection.execute(
        select(incidents.c.state, incidents.c.severity, func.count())
        .where(*in_queue, incidents.c.state.in_([state.value for state in ACTIVE_STATES]))
        .group_by(incidents.c.state, incidents.c.severity)
    ).all()
    pages = connection.execute(
        select(func.count())
        .select_from(actions)
        .where(
            actions.c.effect == EffectKind.PAGE.value,
            actions.c.at >= now - timedelta(days=1),
            actions.c.state.in_([ActionState.DISPATCHED.value, ActionState.CONFIRMED.value]),
        )
    ).scalar_one()
    held = connection.execute(
        select(func.count()).select_from(actions).where(actions.c.state == ActionState.HELD.value)
    ).scalar_one()

    def count(*states: IncidentState) -> int:
        return sum(number for state, _, number in by_state if IncidentState(state) in states)

    return QueueCounts(
        open_by_severity={
            severity: sum(
                number for state, level, number in by_state if state == IncidentState.OPEN.value and level == severity
            )
            for severity in sorted(Severity, reverse=True)
            if severity >= QUEUE_FLOOR
        },
        acknowledged=count(IncidentState.ACKNOWLEDGED),
        contained=count(IncidentState.CONTAINED),
        pages=pages,
        held=held,
    )


def tenants(connection: Connection, limit: int = 200) -> list[str]:
    """Tenants that ever had an incident, sorted."""
    query = select(incidents.c.tenant_id).distinct().order_by(incidents.c.tenant_id).limit(limit)
    return list(connection.execute(query).scalars())


def done_about(connection: Connection, incident_ids: Sequence[str]) -> dict[str, list[Done]]:
    """What has been decided about each incident, summed up by effect and state."""
    if not incident_ids:
        return {}
    rows = connection.execute(
        select(actions.c.incident_id, actions.c.effect, actions.c.state, func.count())
        .where(actions.c.incident_id.in_(incident_ids))
        .group_by(actions.c.incident_id, actions.c.effect, actions.c.state)
        .order_by(actions.c.incident_id, func.count().desc(), actions.c.effect, actions.c.state)
    )
    done: dict[str, list[Done]] = defaultdict(list)
    for incident_id, effect, state, number in rows:
        done[incident_id].append(Done(EffectKind(effect), ActionState(state), number))
    return done


def _members(connection: Connection, incident_ids: Sequence[str]) -> dict[str, int]:
    if not incident_ids:
        return {}
    offenders = func.sum(case((incident_subjects.c.role == SubjectRole.OFFENDER.value, 1), else_=0))
    rows = connection.execute(
        select(incident_subjects.c.incident_id, offenders, func.count())
        .where(incident_subjects.c.incident_id.in_(incident_ids))
        .group_by(incident_subjects.c.incident_id)
    )
    return {incident_id: int(guilty) or everyone for incident_id, guilty, everyone in rows}


def _acknowledged_by(connection: Connection, incident_ids: Sequence[str]) -> dict[str, str]:
    if not incident_ids:
        return {}
    rows = connection.execute(
        select(incident_log.c.incident_id, incident_log.c.actor)
        .where(incident_log.c.incident_id.in_(incident_ids), incident_log.c.verb == "acknowledge")
        .order_by(incident_log.c.seq)
    )
    return {incident_id: actor for incident_id, actor in rows}  # noqa: C416  # the last one wins
