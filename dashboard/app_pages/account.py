"""One account: what it does, what it was named in, and what is in force on it."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from dashboard import routes, session
from dashboard.elements import flash
from dashboard.elements.actions_table import actions_table
from dashboard.elements.evidence_table import events_table
from dashboard.elements.headings import Stat, section, strip
from dashboard.elements.incidents_table import incidents_table
from dashboard.elements.notices import empty, guarded
from dashboard.elements.panels import chart
from dashboard.look import charts
from dashboard.look.markup import badge, element, join
from dashboard.views import accounts as view
from dashboard.views import evidence, traffic
from dashboard.views.actions import is_in_force, list_actions
from dashboard.views.moments import ago, utc
from dashboard.views.words import count, effect
from vigil.effect import Action, Target
from vigil.record import incidents
from vigil.signal import SubjectType

DAYS = 7


def head(tenant: str, account: str, actions: list[Action]) -> None:
    """Who it is and what is in force."""
    force = [action for action in actions if is_in_force(action, session.now())]
    badges = [badge(effect(action), "high") for action in force] or [badge("nothing in force", "quiet")]
    st.html(
        join(
            element("div", *badges, classes="v-badges"),
            element(
                "div", element("h1", account), element("span", f"tenant {tenant}", classes="v-muted"), classes="v-title"
            ),
        )
    )


def numbers(tenant: str, account: str) -> None:
    """Thirty days in numbers."""
    now = session.now()
    known = view.profile(session.warehouse(), tenant, account, now)
    if known is None:
        empty(
            "No call of this account in 30 days.",
            "Older telemetry is gone or was never received; the record below stays.",
        )
        return
    strip(
        [
            Stat(f"{known.calls_day:,}", "calls in 24 hours"),
            Stat(f"{known.calls:,}", "calls in 30 days", hint=f"first {ago(known.first_seen, now)}"),
            Stat(ago(known.last_seen, now), "last call", hint=f"{utc(known.last_seen)} UTC"),
            Stat(f"{known.refusals / known.calls:.1%}", "refused"),
            Stat(f"{known.errors / known.calls:.1%}", "failed"),
            Stat(f"{known.networks:,}", "networks", hint=count(known.agents, "client")),
            Stat(f"${known.cost_usd:,.2f}", "cost", hint=f"{known.input_tokens + known.output_tokens:,} tokens"),
        ]
    )


def activity(tenant: str, account: str, actions: list[Action]) -> None:
    """Calls by hour, with the effects on the same axis."""
    now = session.now()
    since = now - timedelta(days=DAYS)
    series = traffic.of_account(session.warehouse(), tenant, account, since, now)
    section("Activity", f"calls by hour over {DAYS} days (UTC)")
    if series.total == 0:
        empty("No calls in this time.", "Effects and incidents below may be older.")
        return
    drawn = charts.columns(
        series,
        session.colours(),
        {"answered": "series-1", "refused": "plan", "blocked": "quiet"},
        height=170,
        title="calls",
        marks=[mark for mark in traffic.marks_of_actions(actions) if mark.at >= since],
        legend=True,
    )
    chart(drawn, "activity")


def page() -> None:
    """The page."""
    st.page_link(routes.page_file("accounts"), label="All accounts", icon=":material/arrow_back:")
    tenant, account = st.query_params.get("tenant", ""), st.query_params.get("id", "")
    if not tenant or not account:
        empty("No account chosen.", "Open one from the list of accounts or from an incident's members.")
        return
    with session.record().read() as connection:
        actions = list_actions(connection, target=Target(SubjectType.ACCOUNT, account, tenant))
        named = incidents.by_subject(connection, tenant, SubjectType.ACCOUNT, account)
    head(tenant, account, actions)
    flash.show()
    with guarded("The numbers"):
        numbers(tenant, account)
    with st.container(key="card_activity"), guarded("The activity"):
        activity(tenant, account, actions)
    found, done, calls = st.tabs(["Incidents", "Actions", "Latest calls"], key="tabs")
    with found:
        if named:
            incidents_table("account_incidents", named)
        else:
            empty(
                "No incident names this account.",
                "Incidents in which it is an offender, a victim or context appear here.",
            )
    with done:
        if actions:
            actions_table("account_actions", actions, incident=True, target=False)
        else:
            empty("Nothing was ever decided about this account.", "Effects in force and past appear here.")
    with calls, guarded("The latest calls"):
        now = session.now()
        events = evidence.latest_events(session.warehouse(), tenant, account, now, now - timedelta(days=DAYS))
        if events:
            events_table("latest_calls", tenant, events)
        else:
            empty(f"No call in {DAYS} days.", "The numbers above cover 30 days.")


with guarded("This account"):
    page()
