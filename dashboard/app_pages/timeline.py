"""Traffic, incidents and actions on one time axis."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from dashboard import session
from dashboard.elements.headings import page_title, section
from dashboard.elements.incidents_table import incidents_table
from dashboard.elements.notices import empty, guarded
from dashboard.elements.panels import chart
from dashboard.look import charts, palette
from dashboard.views import accounts, timeline, traffic
from dashboard.views.literal import literal
from dashboard.views.moments import span, utc
from dashboard.views.words import capital, count, words
from vigil.effect import EffectKind
from vigil.incident import Incident
from vigil.signal import IncidentKind

_SPANS = {
    "1 h": timedelta(hours=1),
    "6 h": timedelta(hours=6),
    "24 h": timedelta(days=1),
    "3 d": timedelta(days=3),
    "7 d": timedelta(days=7),
    "30 d": timedelta(days=30),
}
_SERIES = ("series-1", "series-2", "series-3", "series-4", "series-5", "series-6")


def wanted() -> tuple[datetime, datetime, list[str]]:
    """The span and the tenants."""
    now = session.now()
    tenants = accounts.tenants(session.warehouse(), now)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        chosen = st.segmented_control(
            "Span",
            list(_SPANS),
            default="24 h",
            required=True,
            key="span",
            bind="query-params",
            label_visibility="collapsed",
        )
        only = st.multiselect(
            "Tenant",
            tenants,
            key="timeline_tenant",
            format_func=literal,
            placeholder="All tenants",
            width=320,
            label_visibility="collapsed",
        )
    return now - _SPANS[chosen or "24 h"], now, only


def calls(since: datetime, until: datetime, tenants: list[str]) -> traffic.Traffic:
    """Traffic by tenant."""
    series = traffic.by_tenant(session.warehouse(), since, until, tenants)
    names = list(dict.fromkeys(point.series for point in series.points))
    tones = dict(zip([name for name in names if name != traffic.OTHERS], _SERIES, strict=False))
    if traffic.OTHERS in names:
        tones[traffic.OTHERS] = "others"
    section(
        "Traffic by tenant", f"calls per {traffic.width_in_words(series)} (UTC), {count(series.total, 'call')} in all"
    )
    if not names:
        empty("No traffic in this time.", "Choose a longer span, or see System health for what comes in.")
        return series
    drawn = charts.columns(
        series, session.colours(), tones, height=210, title=None, legend=True, axis_width=charts.LANE_WIDTH
    )
    chart(drawn, "calls")
    return series


def found(series: traffic.Traffic, incidents: list[Incident]) -> None:
    """Incidents, one lane a kind: a bar from the start of the evidence to the last change."""
    section("Incidents", f"{len(incidents)}; bars span the evidence, points mark the opening")
    if not incidents:
        empty("No incident in this time.", "Choose a longer span.")
        return
    rows = [
        {
            "start": max(incident.window.start, series.since),
            "end": min(max(incident.updated_at, incident.window.end), series.until),
            "point": min(max(incident.opened_at, series.since), series.until),
            "lane": capital(words(incident.kind)),
            "tone": incident.severity.label,
            "label": f"{incident.severity.label}: {incident.title}",
            "when": f"opened {utc(incident.opened_at)} UTC, {words(incident.state)}",
            "number": 1,
        }
        for incident in incidents
    ]
    present = {incident.kind for incident in incidents}
    lanes = [capital(words(kind)) for kind in IncidentKind if kind in present]
    tones = {severity.label: tone for severity, tone in palette.SEVERITY.items()}
    drawn = charts.lanes_of_time(pd.DataFrame(rows), series, session.colours(), lanes=lanes, tones=tones, spans=True)
    chart(drawn, "incident_lanes")


def acted(series: traffic.Traffic, tenants: list[str]) -> None:
    """Decisions, one lane an effect: the larger the point, the more at once."""
    with session.record().read() as connection:
        entries = timeline.actions_between(connection, series.since, series.until, series.width_s, tenants)
    number = sum(entry.number for entry in entries)
    section("Actions", f"{count(number, 'decision')}; the larger the point, the more at once; colour is the state now")
    if not entries:
        empty("Nothing was decided in this time.", "Policies act on incidents of medium severity and up.")
        return
    half = timedelta(seconds=series.width_s / 2)
    rows = [
        {
            "start": max(entry.start + half, series.since),
            "end": entry.start,
            "point": entry.start,
            "lane": capital(words(entry.effect)),
            "tone": entry.state.value,
            "label": f"{words(entry.effect)} ×{entry.number}, {words(entry.state)}",
            "when": f"from {utc(entry.start)} UTC, {span(2 * half)}",
            "number": entry.number,
        }
        for entry in entries
    ]
    present = {entry.effect for entry in entries}
    lanes = [capital(words(effect)) for effect in EffectKind if effect in present]
    tones = {state.value: tone for state, tone in palette.ACTION_STATE.items()}
    drawn = charts.lanes_of_time(pd.DataFrame(rows), series, session.colours(), lanes=lanes, tones=tones, spans=False)
    chart(drawn, "action_lanes")


def page() -> None:
    """The page."""
    since, until, tenants = wanted()
    with session.record().read() as connection:
        incidents = timeline.incidents_between(connection, since, until, tenants)
    with st.container(key="card_timeline"):
        series = calls(since, until, tenants)
        found(series, incidents)
        acted(series, tenants)
    if incidents:
        section("Incidents in this time", "the worst and newest first")
        incidents_table("timeline_incidents", incidents[:100])


page_title("Timeline", "traffic, incidents and actions on one axis")
with guarded("The timeline"):
    page()
