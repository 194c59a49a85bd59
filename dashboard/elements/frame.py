"""What surrounds every page: who is acting, and what time it is for vigil."""

from __future__ import annotations

import streamlit as st

from dashboard import session
from dashboard.look.markup import element
from dashboard.views.moments import utc
from vigil.errors import UsageError, VigilError
from vigil.record.actions import as_person


def frame() -> None:
    """The foot of the sidebar."""
    with st.sidebar:
        try:
            settings = session.settings()
            speed = settings.clock.speed
            st.html(
                element(
                    "div",
                    element("div", "Acting as ", element("b", session.analyst())),
                    element("div", "All times UTC"),
                    element("div", element("b", utc(session.now()))),
                    element("div", f"Demonstration clock, {speed:g} times as fast") if speed != 1 else None,
                    classes="v-foot",
                )
            )
            _say_who_cannot_decide(session.analyst())
        except VigilError as error:
            st.html(element("div", str(error), classes="v-problem", role="alert"))
            st.stop()


def _say_who_cannot_decide(analyst: str) -> None:
    try:
        as_person(analyst)
    except UsageError:
        text = "Nobody can decide on actions here: set VIGIL_DASHBOARD__ANALYST to the name of who does."
        st.html(element("div", text, classes="v-problem", role="status"))
