"""The analysts' console. Streamlit runs this script for every page; `vigil dashboard` starts it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import session
from dashboard.elements.frame import frame
from dashboard.look.palette import css_variables
from dashboard.routes import page_file

_LOOK = Path(__file__).parent / "look"
_SIDEBAR_PX = 216


def _page(name: str, title: str, icon: str, *, hidden: bool = False) -> st.Page:
    return st.Page(
        page_file(name),
        title=title,
        icon=f":material/{icon}:",
        url_path=name,
        default=name == "incidents",
        visibility="hidden" if hidden else "visible",
    )


# The mark is a file of ours: a Material icon as page icon would be fetched from a server of Google.
st.set_page_config(
    page_title="vigil", page_icon=str(_LOOK / "mark.svg"), layout="wide", initial_sidebar_state=_SIDEBAR_PX
)
st.logo(str(_LOOK / "logo.svg"), size="large", link=None)
st.html(f"<style>{css_variables(session.colours())}</style>")
st.html(_LOOK / "style.css")
page = st.navigation(
    {
        "Watch": [
            _page("incidents", "Incidents", "notification_important"),
            _page("timeline", "Timeline", "timeline"),
        ],
        "Respond": [
            _page("actions", "Actions", "gavel"),
            _page("accounts", "Accounts", "group"),
        ],
        "Operate": [_page("health", "System health", "monitor_heart")],
        # Reached from the lists and by deep links.
        " ": [_page("incident", "Incident", "flag", hidden=True), _page("account", "Account", "person", hidden=True)],
    }
)
frame()
page.run()
