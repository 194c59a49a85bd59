"""The queue: what needs a person now, and what has already been done about it."""

from __future__ import annotations

import streamlit as st

from dashboard import routes, session
from dashboard.elements.headings import Stat, note, page_title, strip
from dashboard.elements.notices import empty, guarded
from dashboard.elements.records_table import Badge, Cell, Column, Row, records_table
from dashboard.look import palette
from dashboard.views import queue as view
from dashboard.views.literal import literal
from dashboard.views.moments import ago, epoch_ms, utc
from dashboard.views.words import capital, count, done, words
from vigil.incident import IncidentState
from vigil.signal import IncidentKind, Severity

REFRESH_S = 5
ROWS = 200

_STATES = {
    "Active": view.ACTIVE_STATES,
    "Open": (IncidentState.OPEN,),
    "Acknowledged": (IncidentState.ACKNOWLEDGED,),
    "Contained": (IncidentState.CONTAINED,),
    "Closed": (IncidentState.RESOLVED, IncidentState.DISMISSED),
    "All": (),
}
_SEVERITIES = {
    "Medium and up": Severity.MEDIUM,
    "High and up": Severity.HIGH,
    "Critical only": Severity.CRITICAL,
    "Low too": Severity.LOW,
}
_KINDS = {capital(words(kind)): kind for kind in IncidentKind}

_COLUMNS = (
    Column("severity", "Severity", "badges"),
    Column("title", "Incident"),
    Column("state", "State", "badges"),
    Column("members", "Members", "number"),
    Column("age", "Opened", "time"),
    Column("updated", "Updated", "time"),
    Column("done", "Done so far", "badges"),
    Column("tenant", "Tenant"),
)


def filters() -> view.QueueFilter:
    """The filter row. Choices are kept in the address, so that a filtered queue can be shared."""
    with session.record().read() as connection:
        tenants = view.tenants(connection)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        state = st.segmented_control(
            "State",
            list(_STATES),
            default="Active",
            required=True,
            key="state",
            bind="query-params",
            label_visibility="collapsed",
        )
        text = st.text_input(
            "Find",
            key="q",
            placeholder="Title, account, incident id",
            icon=":material/search:",
            width=230,
            bind="query-params",
            label_visibility="collapsed",
        )
        severity = st.selectbox(
            "Severity", list(_SEVERITIES), key="severity", width=150, bind="query-params", label_visibility="collapsed"
        )
        kinds = st.multiselect(
            "Kind",
            list(_KINDS),
            key="kind",
            width=165,
            placeholder="All kinds",
            bind="query-params",
            label_visibility="collapsed",
        )
        chosen = st.multiselect(
            "Tenant",
            tenants,
            key="tenant",
            format_func=literal,
            width=165,
            placeholder="All tenants",
            label_visibility="collapsed",
        )
    return view.QueueFilter(
        states=_STATES[state or "Active"],
        kinds=tuple(_KINDS[kind] for kind in kinds),
        min_severity=_SEVERITIES[severity],
        tenants=tuple(chosen),
        text=text or "",
    )


def counts() -> None:
    """The numbers on top."""
    with session.record().read() as connection:
        numbers = view.counts(connection, session.now())
    strip(
        [
            *(
                Stat(f"{number:,}", f"open, {severity.label}", palette.SEVERITY[severity])
                for severity, number in numbers.open_by_severity.items()
            ),
            Stat(f"{numbers.acknowledged:,}", "acknowledged", "plan"),
            Stat(f"{numbers.contained:,}", "contained", "good"),
            Stat(f"{numbers.held:,}", "actions held for a person", "medium"),
            Stat(f"{numbers.pages:,}", "pages in 24 hours"),
        ]
    )


def table(wanted: view.QueueFilter) -> None:
    """The queue itself."""
    with session.record().read() as connection:
        rows, total = view.queue(connection, wanted, ROWS)
    if not rows:
        if wanted == view.QueueFilter():
            empty("Nothing is open.", "New incidents appear here by themselves. “Closed” above shows what was handled.")
        else:
            empty("No incident matches.", "Widen the filters above; “All” with “Low too” shows every incident.")
        return
    records_table("queue", _COLUMNS, [_row(row) for row in rows], caption="Incidents")
    shown = (
        f"The first {len(rows)} of {total:,} incidents: narrow the filters to see others."
        if total > len(rows)
        else count(total, "incident")
    )
    note(f"{shown} · refreshed every {REFRESH_S} s · ↑ ↓ and Enter open one from the keyboard")


def _row(row: view.QueueRow) -> Row:
    now = session.now()
    labels = done(row.done)
    return Row(
        id=row.incident_id,
        href=routes.incident(row.incident_id),
        tone=palette.SEVERITY[row.severity] if row.state is IncidentState.OPEN else "",
        faded=row.state.is_closed,
        cells={
            "severity": Cell(
                badges=(Badge(row.severity.label, palette.SEVERITY[row.severity]),), sort=-int(row.severity)
            ),
            "title": Cell(
                text=row.title,
                sub=f"{capital(words(row.kind))} · {row.incident_id}",
                href=routes.incident(row.incident_id),
            ),
            "state": Cell(
                badges=(Badge(words(row.state), palette.INCIDENT_STATE[row.state]),),
                sub=f"by {row.acknowledged_by}" if row.acknowledged_by else "",
                sort=list(IncidentState).index(row.state),
            ),
            "members": Cell(text=f"{row.members:,}", sort=row.members),
            "age": Cell(text=ago(row.opened_at, now), title=f"{utc(row.opened_at)} UTC", sort=epoch_ms(row.opened_at)),
            "updated": Cell(
                text=ago(row.updated_at, now), title=f"{utc(row.updated_at)} UTC", sort=epoch_ms(row.updated_at)
            ),
            "done": Cell(
                badges=tuple(Badge(text, palette.ACTION_STATE[state]) for text, state in labels[:3])
                + ((Badge(f"+{len(labels) - 3}", "quiet"),) if len(labels) > 3 else ()),
                text="" if labels else "nothing yet",
                tone="quiet",
                sort=-sum(entry.count for entry in row.done),
            ),
            "tenant": Cell(text=row.tenant_id),
        },
    )


@st.fragment(run_every=REFRESH_S)
def live(wanted: view.QueueFilter) -> None:
    """What refreshes by itself."""
    with guarded("The queue"):
        counts()
        table(wanted)


page_title("Incidents", "medium and up; open ones first")
with guarded("The queue"):
    live(filters())
