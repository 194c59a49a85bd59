"""One incident in full: what it says, how sure it is, who is in it, what was done, and what a person may do now."""

from __future__ import annotations

import streamlit as st

from dashboard import routes, session
from dashboard.elements import flash
from dashboard.elements import incident_parts as parts
from dashboard.elements.actions_table import actions_table
from dashboard.elements.evidence_table import evidence_table
from dashboard.elements.headings import card, fact_grid, section
from dashboard.elements.members_table import members_table
from dashboard.elements.notices import empty, guarded
from dashboard.elements.panels import chart
from dashboard.look import charts
from dashboard.look.markup import paragraphs
from dashboard.views import evidence, traffic
from dashboard.views import incident as view
from dashboard.views.words import capital
from vigil.errors import UsageError


def traffic_panels(shown: view.IncidentInFull) -> None:
    """The members' traffic, what a gateway refused of it, and everybody else's, each on its own scale."""
    incident = shown.incident
    since, until = traffic.around(incident, session.now())
    series = traffic.of_members(session.warehouse(), incident.tenant_id, incident.subjects, since, until)
    marks = traffic.marks(incident, shown.log, shown.actions)
    section("Traffic", f"calls per {traffic.width_in_words(series)} (UTC); the window of the evidence is shaded")
    members = {traffic.MEMBERS: "critical"}
    if series.only(traffic.BLOCKED).total:
        members[traffic.BLOCKED] = "quiet"
    for name, tones, height, on_top in (
        (traffic.MEMBERS, members, 200, True),
        (traffic.EVERYBODY, {traffic.EVERYBODY: "others"}, 110, False),
    ):
        drawn = charts.columns(
            series.only(*tones),
            session.colours(),
            tones,
            height=height,
            title=name,
            marks=marks,
            window=(incident.window.start, incident.window.end),
            labels=on_top,
            time_axis=not on_top,
            legend=len(tones) > 1,
        )
        chart(drawn, f"traffic_{name}")


def proof(shown: view.IncidentInFull) -> None:
    """The facts, and the events behind them."""
    incident = shown.incident
    if incident.evidence.facts:
        card(
            "Facts", fact_grid([(capital(name), value) for name, value in view.facts_in_words(incident.evidence.facts)])
        )
    since, until = traffic.around(incident, session.now())
    events = evidence.events(session.warehouse(), incident.tenant_id, incident.evidence.event_ids, since, until)
    evidence_table(incident.tenant_id, incident.incident_id, events)


def tabs(shown: view.IncidentInFull) -> None:
    """Members, evidence, actions and log."""
    # Labels that never change: a label with a number in it would close the open tab when the number changes.
    who, why, what, history = st.tabs(["Members", "Evidence", "Actions", "Log"], key="tabs")
    with who, guarded("Who is in it"):
        members_table(shown)
    with why, guarded("The evidence"):
        proof(shown)
    with what:
        if shown.actions:
            actions_table("incident_actions", shown.actions)
        else:
            empty(
                "Nothing has been decided.",
                "No policy applies to it, or none has looked yet. `vigil policies list` shows the policies.",
            )
    with history:
        parts.log(shown.log)


def page() -> None:
    """The page."""
    st.page_link(routes.page_file("incidents"), label="All incidents", icon=":material/arrow_back:")
    incident_id = st.query_params.get("id", "")
    if not incident_id:
        empty("No incident chosen.", "Open one from the list of incidents, or follow a link from a page.")
        return
    try:
        with session.record().read() as connection:
            shown = view.load(connection, incident_id, session.now())
    except UsageError:
        empty(
            "There is no such incident.",
            f"{incident_id} is not in this record. The link may belong to another installation.",
        )
        return
    parts.head(shown)
    flash.show()
    left, right = st.columns([0.68, 0.32], gap="medium")
    with left:
        card("Summary", paragraphs(shown.incident.summary))
        with st.container(key="card_traffic"), guarded("The traffic"):
            traffic_panels(shown)
    with right:
        parts.how_sure(shown.incident)
        parts.standing(shown.response)
        parts.verdict(shown)
    tabs(shown)


with guarded("This incident"):
    page()
