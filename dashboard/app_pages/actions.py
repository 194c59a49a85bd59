"""Every decision: what was done to whom, why, and what waits for a person."""

from __future__ import annotations

import streamlit as st

from dashboard import session
from dashboard.elements import flash
from dashboard.elements.actions_table import actions_table
from dashboard.elements.headings import Stat, note, page_title, strip
from dashboard.elements.notices import empty, guarded
from dashboard.look import palette
from dashboard.views import actions as view
from dashboard.views.words import STATE_MEANING, capital, words
from vigil.effect import ActionState

ROWS = 300

_ANY = "All"
_STATES = {_ANY: None, **{capital(words(state)): state for state in view.STATE_ORDER}}


def numbers() -> None:
    """How many stand where."""
    with session.record().read() as connection:
        counts = view.counts_by_state(connection)
    strip(
        [
            Stat(f"{number:,}", words(state), palette.ACTION_STATE[state], STATE_MEANING[state])
            for state, number in counts.items()
        ]
    )


def wanted() -> tuple[ActionState | None, str]:
    """The filter row, kept in the address."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        state = st.segmented_control(
            "State",
            list(_STATES),
            default=_ANY,
            required=True,
            key="action_state",
            bind="query-params",
            label_visibility="collapsed",
        )
        text = st.text_input(
            "Find",
            key="action_q",
            placeholder="Target, policy, action id",
            icon=":material/search:",
            width=280,
            bind="query-params",
            label_visibility="collapsed",
        )
    return _STATES[state or _ANY], text or ""


def listing(state: ActionState | None, text: str) -> None:
    """The actions."""
    opened = st.query_params.get("action")
    with session.record().read() as connection:
        found = view.list_actions(connection, states=(state,) if state else (), text=text or opened or "", limit=ROWS)
    if not found:
        if state is None and not text:
            empty(
                "No action has been decided yet.",
                "Policies act on incidents of medium severity and up; `vigil policies list` shows them and their modes.",
            )
        else:
            empty("No action matches.", "Choose “All” and clear the search to see every action.")
        return
    actions_table("actions", found, incident=True, opened=opened)
    if len(found) == ROWS:
        note(f"The newest {ROWS}. Narrow the filters to see others.")


page_title("Actions", "held ones first")
flash.show()
with guarded("The actions"):
    numbers()
    listing(*wanted())
