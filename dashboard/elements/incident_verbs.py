"""What a person does with an incident: acknowledge, resolve, dismiss, reopen, label. Each with who and why."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import session
from dashboard.elements.flash import attempt
from dashboard.look.markup import element
from dashboard.views.incident import IncidentInFull
from vigil.clock import Clock
from vigil.incident import Incident
from vigil.record import Record, incidents
from vigil.record.incidents import Verb
from vigil.record.labels import Verdict, set_label

_DO: dict[Verb, Callable[[Record, Clock, str, str, str], Incident]] = {
    Verb.ACKNOWLEDGE: incidents.acknowledge,
    Verb.RESOLVE: incidents.resolve,
    Verb.DISMISS: incidents.dismiss,
    Verb.REOPEN: incidents.reopen,
}
_DONE = {
    Verb.ACKNOWLEDGE: "Acknowledged: colleagues see that you have it.",
    Verb.RESOLVE: "Resolved. New evidence opens a new incident that names this one.",
    Verb.DISMISS: "Dismissed. The same evidence does not raise it again.",
    Verb.REOPEN: "Open again, and before the policies again.",
}
_EXPLAINED = {
    Verb.RESOLVE: "It was real and is over. Effects in force stay until their time is over or somebody lifts them.",
    Verb.DISMISS: "It was nothing. Effects in force stay until somebody lifts them: do that under Actions.",
    Verb.REOPEN: "It goes back to the queue, and policies look at it again.",
}
# Streamlit keeps R and C for itself.
_SHORTCUTS = {Verb.ACKNOWLEDGE: "a", Verb.RESOLVE: "s", Verb.DISMISS: "d"}


def verb_buttons(shown: IncidentInFull) -> None:
    """The buttons that fit the incident's state."""
    incident_id = shown.incident.incident_id
    with st.container(horizontal=True, horizontal_alignment="right", gap="xsmall"):
        for verb in shown.verbs:
            if verb is Verb.ACKNOWLEDGE:
                if not shown.is_acknowledged:
                    st.button(
                        "Acknowledge",
                        key="acknowledge",
                        type="primary",
                        shortcut=_SHORTCUTS[verb],
                        on_click=_perform,
                        args=(verb, incident_id),
                    )
            elif st.button(f"{verb.value.capitalize()}…", key=verb.value, shortcut=_SHORTCUTS.get(verb)):
                _ask(verb, incident_id)


def label_buttons(shown: IncidentInFull) -> None:
    """Was it right? The answer is what detectors and policies are measured against."""
    incident_id = shown.incident.incident_id
    current = shown.label.verdict if shown.label else None
    with st.container(horizontal=True, gap="xsmall"):
        for verdict, text in ((Verdict.TRUE_POSITIVE, "True positive"), (Verdict.FALSE_POSITIVE, "False positive")):
            st.button(
                text,
                key=f"label_{verdict.value}",
                type="primary" if verdict is current else "secondary",
                on_click=_label,
                args=(verdict, incident_id, text),
            )


def _ask(verb: Verb, incident_id: str) -> None:
    @st.dialog(f"{verb.value.capitalize()} this incident")
    def dialog() -> None:
        st.html(element("p", _EXPLAINED[verb], classes="v-muted"))
        st.text_area("Note", key=f"{verb.value}_note", placeholder="What you found; it goes into the incident's log")
        if st.button(
            f"{verb.value.capitalize()} incident",
            key=f"{verb.value}_confirmed",
            type="primary",
            on_click=_perform,
            args=(verb, incident_id),
        ):
            st.rerun()

    dialog()


def _perform(verb: Verb, incident_id: str) -> None:
    note = str(st.session_state.get(f"{verb.value}_note") or "")
    attempt(
        f"This incident could not be changed ({verb.value}).",
        _DONE[verb],
        lambda: _DO[verb](session.record(), session.clock(), incident_id, session.analyst(), note),
    )


def _label(verdict: Verdict, incident_id: str, text: str) -> None:
    attempt(
        "The label could not be stored.",
        f"Labelled: {text.lower()}.",
        lambda: set_label(session.record(), session.clock(), incident_id, verdict, session.analyst()),
    )
