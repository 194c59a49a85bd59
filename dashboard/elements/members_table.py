"""Who is in an incident: confidence, role, organisation, activity, and what is in force on each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from dashboard import routes, session
from dashboard.elements.headings import note
from dashboard.elements.notices import problem
from dashboard.elements.records_table import Badge, Cell, Column, Row, records_table
from dashboard.look import palette
from dashboard.views.accounts import calls_in_window
from dashboard.views.incident import MEMBERS_SHOWN, IncidentInFull, Member
from dashboard.views.moments import ago, epoch_ms, utc
from dashboard.views.words import effect, words
from vigil.effect import ActionState
from vigil.errors import VigilError
from vigil.signal import SubjectRole, SubjectType
from vigil.warehouse.accounts import AccountFacts, WarehouseAccounts

_COLUMNS = (
    Column("id", "Who", "mono"),
    Column("score", "Confidence", "number"),
    Column("role", "Role", "badges"),
    Column("org", "Organisation"),
    Column("calls", "Calls in window", "number"),
    Column("month", "Calls in 30 days", "number"),
    Column("first", "First seen", "time"),
    Column("last", "Last seen", "time"),
    Column("force", "In force", "badges"),
)


def members_table(shown: IncidentInFull) -> None:
    """The members, strongest first. Without ClickHouse their activity is missing, and that is said."""
    incident = shown.incident
    facts: Mapping[str, AccountFacts] = {}
    calls: Mapping[str, tuple[int, datetime]] = {}
    names = [member.subject.id for member in shown.members if member.subject.type is SubjectType.ACCOUNT]
    try:
        warehouse = session.warehouse()
        facts = WarehouseAccounts(warehouse).lookup(incident.tenant_id, names, session.now())
        calls = calls_in_window(
            warehouse, incident.tenant_id, incident.subjects[:MEMBERS_SHOWN], incident.window.start, incident.window.end
        )
    except VigilError as error:
        problem("The members' activity cannot be shown.", error)
    rows = [_row(incident.tenant_id, member, facts, calls) for member in shown.members]
    records_table("members", _COLUMNS, rows, caption="Members", height=620)
    if len(incident.subjects) > len(rows):
        note(f"The strongest {len(rows):,} of {len(incident.subjects):,}. `vigil incidents show` lists all.")


def _row(
    tenant_id: str, member: Member, facts: Mapping[str, AccountFacts], calls: Mapping[str, tuple[int, datetime]]
) -> Row:
    subject, now = member.subject, session.now()
    account = subject.type is SubjectType.ACCOUNT
    known = facts.get(subject.id) if account else None
    number = calls[subject.id][0] if subject.id in calls else (0 if account and facts else None)
    href = routes.account(tenant_id, subject.id) if account else ""
    return Row(
        id=f"{subject.type.value}:{subject.id}",
        href=href,
        faded=subject.role is SubjectRole.CONTEXT,
        cells={
            "id": Cell(text=subject.id, sub="" if account else words(subject.type), href=href),
            "score": Cell(
                text=f"{subject.score:.2f}", share=subject.score, sort=subject.score, tone=palette.ROLE[subject.role]
            ),
            "role": Cell(badges=(Badge(words(subject.role), palette.ROLE[subject.role]),)),
            "org": Cell(text=(known.org_id if known else None) or "–"),
            "calls": Cell(text="–" if number is None else f"{number:,}", sort=number or 0),
            "month": Cell(text=f"{known.calls:,}" if known else "–", sort=known.calls if known else 0),
            "first": Cell(
                text=ago(known.first_seen, now) if known else "–",
                title=f"{utc(known.first_seen)} UTC" if known else "",
                sort=epoch_ms(known.first_seen) if known else 0,
            ),
            "last": Cell(
                text=ago(known.last_seen, now) if known else "–",
                title=f"{utc(known.last_seen)} UTC" if known else "",
                sort=epoch_ms(known.last_seen) if known else 0,
            ),
            "force": Cell(
                badges=tuple(
                    Badge(effect(action), "good" if action.state is ActionState.CONFIRMED else "info")
                    for action in member.in_force
                ),
                text="" if member.in_force else "nothing",
                tone="quiet",
                sort=-len(member.in_force),
            ),
        },
    )
