"""Traffic over time, with zeros where there was none, and the marks of what was found and done."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from dashboard.views.moments import span
from dashboard.views.reading import COLUMN_OF, aligned, bucket_s, buckets, read
from vigil.effect import Action, ActionState, EffectKind
from vigil.incident import Incident
from vigil.record.incidents import LogLine
from vigil.signal import Subject, SubjectRole
from vigil.warehouse import Warehouse

OTHERS = "all others"


class Point(msgspec.Struct, frozen=True):
    """Calls of one series in the column that starts at `start`."""

    start: datetime
    series: str
    calls: int


class Mark(msgspec.Struct, frozen=True):
    """Something that happened, for a line across a chart. `kind` is `found`, `acted` or `person`."""

    at: datetime
    kind: str
    label: str


class Traffic(msgspec.Struct, frozen=True):
    """Series of a chart over [since, until), in columns of `width_s` seconds."""

    since: datetime
    until: datetime
    width_s: int
    points: tuple[Point, ...]

    def only(self, *series: str) -> Traffic:
        """The same span with these series."""
        return msgspec.structs.replace(self, points=tuple(point for point in self.points if point.series in series))

    @property
    def total(self) -> int:
        """All calls in it."""
        return sum(point.calls for point in self.points)


def together(traffic: Traffic, name: str) -> tuple[Point, ...]:
    """All series added up to one."""
    totals: Counter[datetime] = Counter()
    for point in traffic.points:
        totals[point.start] += point.calls
    return tuple(Point(start, name, totals[start]) for start in sorted(totals))


def width_in_words(traffic: Traffic) -> str:
    """`minute`, `hour`, `5 min`: what a column counts."""
    text = span(timedelta(seconds=traffic.width_s))
    return {"1 min": "minute", "1 h": "hour", "1 d": "day"}.get(text, text)


MEMBERS, BLOCKED, EVERYBODY = "members", "members, blocked", "everybody else"

_BLOCKED = "status IN ('blocked', 'rate_limited')"
"""Calls that a gateway refused: what an effect looks like in the traffic."""

_CARRIED_OUT = (ActionState.DISPATCHED, ActionState.CONFIRMED, ActionState.LIFTED)


def around(incident: Incident, now: datetime) -> tuple[datetime, datetime]:
    """The span to show around an incident: as much before its window as the window is long, and what came after."""
    length = incident.window.end - incident.window.start
    margin = min(max(length, timedelta(minutes=20)), timedelta(days=2))
    until = min(now, max(incident.updated_at, incident.window.end) + margin)
    return incident.window.start - margin, max(until, incident.window.end)


def of_members(
    warehouse: Warehouse, tenant_id: str, subjects: Sequence[Subject], since: datetime, until: datetime
) -> Traffic:
    """Calls of the subjects, those apart that a gateway refused, against everybody else of the tenant.

    Victims and context count as everybody else.
    """
    width = bucket_s(since, until, columns=180)
    since = aligned(since, width)
    by_column: dict[str, list[str]] = defaultdict(list)
    for subject in subjects:
        if subject.role in (SubjectRole.OFFENDER, SubjectRole.AFFECTED):
            by_column[COLUMN_OF[subject.type]].append(subject.id)
    belongs = " OR ".join(f"{column} IN {{{column}:Array(String)}}" for column in sorted(by_column)) or "false"
    rows = read(
        warehouse,
        f"""
        SELECT intDiv(toUnixTimestamp(event_time), {{width:UInt32}}) * {{width:UInt32}} AS start,
               countIf({belongs}) AS members, countIf(({belongs}) AND {_BLOCKED}), count() - members
        FROM events
        WHERE tenant_id = {{tenant:String}} AND event_time >= {{since:DateTime64(6, 'UTC')}}
          AND event_time < {{until:DateTime64(6, 'UTC')}}
        GROUP BY start
        """,  # noqa: S608  # column names come from COLUMN_OF, values are bound
        {"tenant": tenant_id, "since": since, "until": until, "width": width, **by_column},
    )
    found = {start: (members, blocked, others) for start, members, blocked, others in rows}
    points = []
    for start in buckets(since, until, width):
        members, blocked, others = found.get(int(start.timestamp()), (0, 0, 0))
        points += [Point(start, MEMBERS, members - blocked), Point(start, BLOCKED, blocked)]
        points.append(Point(start, EVERYBODY, others))
    return Traffic(since, until, width, tuple(points))


def by_tenant(
    warehouse: Warehouse, since: datetime, until: datetime, tenants: Sequence[str] = (), top: int = 6
) -> Traffic:
    """Calls by tenant: the `top` largest by name, the rest together."""
    width = bucket_s(since, until)
    since = aligned(since, width)
    rows = read(
        warehouse,
        """
        SELECT intDiv(toUnixTimestamp(minute), {width:UInt32}) * {width:UInt32} AS start, tenant_id, sum(calls)
        FROM source_minutes
        WHERE minute >= {since:DateTime64(6, 'UTC')} AND minute < {until:DateTime64(6, 'UTC')}
          AND (empty({tenants:Array(String)}) OR tenant_id IN {tenants:Array(String)})
        GROUP BY start, tenant_id
        """,
        {"since": since, "until": until, "width": width, "tenants": list(tenants)},
    )
    totals: Counter[str] = Counter()
    for _, tenant, calls in rows:
        totals[tenant] += calls
    largest = [tenant for tenant, _ in totals.most_common(top)]
    found: Counter[tuple[int, str]] = Counter()
    for start, tenant, calls in rows:
        found[start, tenant if tenant in largest else OTHERS] += calls
    names = largest + ([OTHERS] if len(totals) > len(largest) else [])
    points = [
        Point(start, name, found[int(start.timestamp()), name])
        for name in names
        for start in buckets(since, until, width)
    ]
    return Traffic(since, until, width, tuple(points))


def of_account(warehouse: Warehouse, tenant_id: str, account_id: str, since: datetime, until: datetime) -> Traffic:
    """Calls of one account by hour: answered, refused by the model, blocked by a gateway."""
    since = aligned(since, 3_600)
    rows = read(
        warehouse,
        f"""
        SELECT toUnixTimestamp(toStartOfHour(event_time)) AS start,
               count(), countIf({_BLOCKED}), countIf(refused AND NOT {_BLOCKED})
        FROM events
        WHERE tenant_id = {{tenant:String}} AND account_id = {{account:String}}
          AND event_time >= {{since:DateTime64(6, 'UTC')}} AND event_time < {{until:DateTime64(6, 'UTC')}}
        GROUP BY start
        """,  # noqa: S608  # the condition is a constant, values are bound
        {"tenant": tenant_id, "account": account_id, "since": since, "until": until},
    )
    found = {start: (calls, blocked, refused) for start, calls, blocked, refused in rows}
    points = []
    for start in buckets(since, until, 3_600):
        calls, blocked, refused = found.get(int(start.timestamp()), (0, 0, 0))
        points.append(Point(start, "answered", calls - blocked - refused))
        points += [Point(start, "refused", refused), Point(start, "blocked", blocked)]
    return Traffic(since, until, 3_600, tuple(points))


def marks(incident: Incident, log: Sequence[LogLine], done: Sequence[Action]) -> list[Mark]:
    """When the incident was opened, acted on and handled by people."""
    people = {"acknowledge": "acknowledged", "resolve": "resolved", "dismiss": "dismissed", "reopen": "reopened"}
    found = [Mark(incident.opened_at, "found", "opened"), *marks_of_actions(done)]
    found += [Mark(line.at, "person", people[line.verb]) for line in log if line.verb in people]
    return sorted(found, key=lambda mark: mark.at)


def marks_of_actions(done: Sequence[Action]) -> list[Mark]:
    """When restricting effects were decided and carried out; those of one kind and minute are one mark."""
    grouped: dict[tuple[datetime, EffectKind], list[datetime]] = defaultdict(list)
    for action in done:
        if action.effect.restricts and action.state in _CARRIED_OUT:
            grouped[action.at.astimezone(UTC).replace(second=0, microsecond=0), action.effect].append(action.at)
    found = []
    for (_, effect), times in grouped.items():
        label = effect.value.replace("_", " ") + (f" ×{len(times)}" if len(times) > 1 else "")
        found.append(Mark(min(times), "acted", label))
    return sorted(found, key=lambda mark: mark.at)
