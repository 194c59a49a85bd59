"""The parts of an incident's page: head, certainty, what has been done so far, and the log."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import routes, session
from dashboard.elements.headings import card, facts
from dashboard.elements.incident_verbs import label_buttons, verb_buttons
from dashboard.look import palette
from dashboard.look.markup import badge, element, join
from dashboard.views import certainty
from dashboard.views.incident import IncidentInFull, Response
from dashboard.views.moments import ago, span, utc
from dashboard.views.words import capital, count, words
from vigil.incident import Incident, IncidentState
from vigil.record.incidents import LogLine

_PAST_TENSE = {
    "open": "opened it",
    "update": "added evidence",
    "merge": "merged another incident into it",
    "link": "linked it to another incident",
    "acknowledge": "acknowledged it",
    "contain": "marked it contained",
    "resolve": "resolved it",
    "dismiss": "dismissed it",
    "reopen": "reopened it",
}


def head(shown: IncidentInFull) -> None:
    """Title, badges and buttons."""
    incident, now = shown.incident, session.now()
    left, right = st.columns([0.68, 0.32], vertical_alignment="bottom")
    with left:
        st.html(
            join(
                element(
                    "div",
                    badge(incident.severity.label, palette.SEVERITY[incident.severity]),
                    badge(words(incident.state), palette.INCIDENT_STATE[incident.state]),
                    badge("acknowledged", "plan")
                    if shown.is_acknowledged and incident.state is not IncidentState.ACKNOWLEDGED
                    else None,
                    badge(words(incident.kind), "quiet"),
                    badge(shown.label.verdict.value.replace("_", " "), "quiet") if shown.label else None,
                    classes="v-badges",
                ),
                element("div", element("h1", incident.title), classes="v-title"),
                element(
                    "div",
                    element(
                        "span",
                        "Opened ",
                        element("b", f"{utc(incident.opened_at)} UTC"),
                        f", {ago(incident.opened_at, now)}",
                    ),
                    element("span", "Updated ", element("b", ago(incident.updated_at, now))),
                    element("span", "Tenant ", element("b", incident.tenant_id)),
                    element("span", incident.incident_id, classes="v-mono"),
                    classes="v-meta",
                ),
            )
        )
    with right:
        verb_buttons(shown)
    if incident.merged_into:
        st.html(element("p", "Merged into another incident: ", element("span", incident.merged_into, classes="v-mono")))
        st.page_link(routes.page_file("incident"), label="Go on there", query_params={"id": incident.merged_into})


def how_sure(incident: Incident) -> None:
    """The strength of the evidence in words, detector by detector."""
    best = certainty.strongest(incident.detectors)
    lines = [
        (
            element("span", support.name, classes="v-mono"),
            element("span", certainty.of_support(support).sentence, f" Version {support.version}, {support.family}."),
        )
        for support in sorted(incident.detectors, key=lambda support: -support.score)
    ]
    card(
        "How sure",
        element("p", capital(best.word), classes="v-lead"),
        element("p", best.sentence),
        element(
            "details",
            element("summary", count(len(lines), "detector")),
            *(element("p", name, " ", text) for name, text in lines),
            classes="v-details",
        ),
    )


def standing(response: Response) -> None:
    """How much of it is contained, and what waits."""
    first = response.first_effect_after
    pairs = [
        ("Offenders restricted", f"{response.restricted} of {response.offenders}"),
        ("First effect confirmed", f"after {span(first)}" if first is not None else "–"),
        ("Waiting for a person", count(response.waiting, "action") if response.waiting else "nothing"),
        ("Pages", str(response.pages)),
    ]
    card("Response so far", facts(pairs))


def verdict(shown: IncidentInFull) -> None:
    """Was it right? Labels are the truth that detectors and policies are measured against."""
    with st.container(key="card_verdict", gap="xsmall"):
        note = "Your label is what detectors and policies are measured against."
        if shown.label is not None:
            note = (
                f"Labelled by {shown.label.actor}, {ago(shown.label.at, session.now())}. A new label takes its place."
            )
        st.html(join(element("h2", "Was it right?", classes="v-card-title"), element("p", note, classes="v-muted")))
        label_buttons(shown)


def log(lines: Sequence[LogLine]) -> None:
    """What happened to the incident, newest first."""
    st.html(
        element("div", element("ul", *(_line(line) for line in reversed(lines)), classes="v-log"), classes="v-card")
    )


def _line(line: LogLine) -> str:
    return element(
        "li",
        element("span", f"{utc(line.at)} UTC", classes="v-when"),
        element(
            "span",
            element("b", line.actor),
            f" {_PAST_TENSE.get(line.verb, line.verb)}",
            element("div", line.note, classes="v-muted") if line.note else None,
        ),
    )
