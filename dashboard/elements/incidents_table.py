"""Incidents as a short list, on an account's page and below the timeline."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard import routes, session
from dashboard.elements.records_table import Badge, Cell, Column, Row, records_table
from dashboard.look import palette
from dashboard.views.moments import ago, epoch_ms, utc
from dashboard.views.words import capital, words
from vigil.incident import Incident

_COLUMNS = (
    Column("severity", "Severity", "badges"),
    Column("title", "Incident"),
    Column("state", "State", "badges"),
    Column("kind", "Kind"),
    Column("opened", "Opened", "time"),
    Column("tenant", "Tenant"),
)


def incidents_table(key: str, incidents: Sequence[Incident]) -> None:
    """The incidents in the order given."""
    records_table(key, _COLUMNS, [_row(incident) for incident in incidents], caption="Incidents", height=620)


def _row(incident: Incident) -> Row:
    href = routes.incident(incident.incident_id)
    return Row(
        id=incident.incident_id,
        href=href,
        faded=incident.state.is_closed,
        cells={
            "severity": Cell(
                badges=(Badge(incident.severity.label, palette.SEVERITY[incident.severity]),),
                sort=-int(incident.severity),
            ),
            "title": Cell(text=incident.title, href=href),
            "state": Cell(badges=(Badge(words(incident.state), palette.INCIDENT_STATE[incident.state]),)),
            "kind": Cell(text=capital(words(incident.kind))),
            "opened": Cell(
                text=ago(incident.opened_at, session.now()),
                title=f"{utc(incident.opened_at)} UTC",
                sort=epoch_ms(incident.opened_at),
            ),
            "tenant": Cell(text=incident.tenant_id),
        },
    )
