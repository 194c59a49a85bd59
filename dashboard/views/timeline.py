"""Incidents and actions on the time axis of the traffic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, or_, select

from vigil.effect import ActionState, EffectKind
from vigil.incident import Incident
from vigil.record.incident_rows import incident_of
from vigil.record.schema import actions, incidents
from vigil.signal import Severity

MOST_ACTIONS = 20_000
MOST_INCIDENTS = 500


class Acted(msgspec.Struct, frozen=True):
    """So many decisions on one effect, in one state, in the column that starts at `start`."""

    start: datetime
    effect: EffectKind
    state: ActionState
    number: int


def incidents_between(
    connection: Connection,
    since: datetime,
    until: datetime,
    tenants: Sequence[str] = (),
    min_severity: Severity = Severity.LOW,
) -> list[Incident]:
    """Incidents that touch [since, until): opened or speaking of traffic in it, the worst and newest first."""
    query = select(incidents).where(
        incidents.c.merged_into.is_(None),
        incidents.c.severity >= int(min_severity),
        incidents.c.window_start < until,
        or_(incidents.c.window_end > since, incidents.c.opened_at >= since),
    )
    if tenants:
        query = query.where(incidents.c.tenant_id.in_(list(tenants)))
    query = query.order_by(incidents.c.severity.desc(), incidents.c.opened_at.desc(), incidents.c.incident_id)
    return [incident_of(row) for row in connection.execute(query.limit(MOST_INCIDENTS))]


def actions_between(
    connection: Connection, since: datetime, until: datetime, width_s: int, tenants: Sequence[str] = ()
) -> list[Acted]:
    """Decisions in [since, until) by column, effect and state; of more than 20,000 the newest."""
    query = select(actions.c.at, actions.c.effect, actions.c.state).where(actions.c.at >= since, actions.c.at < until)
    if tenants:
        query = query.where(actions.c.tenant_id.in_(list(tenants)))
    counted: Counter[tuple[int, str, str]] = Counter()
    for at, effect, state in connection.execute(query.order_by(actions.c.at.desc()).limit(MOST_ACTIONS)):
        counted[int(at.timestamp()) // width_s * width_s, effect, state] += 1
    return [
        Acted(datetime.fromtimestamp(start, UTC), EffectKind(effect), ActionState(state), number)
        for (start, effect, state), number in sorted(counted.items())
    ]
