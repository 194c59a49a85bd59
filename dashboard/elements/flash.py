"""What happened because of the last click, said once on the page that follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from dashboard.elements.notices import done, problem
from vigil.errors import VigilError

_KEY = "flash"


def attempt(what: str, said: str, verb: Callable[[], Any]) -> bool:
    """Run `verb` and remember what to say: `said` when it worked, else that `what` failed and why."""
    try:
        verb()
    except VigilError as error:
        st.session_state[_KEY] = (what, error)
        return False
    st.session_state[_KEY] = (said, None)
    return True


def attempt_each(items: Sequence[str], verb: Callable[[str], Any], *, said: Callable[[int], str]) -> None:
    """Run `verb` on every item; say how many worked and, when some did not, why the first of them did not."""
    failures: list[VigilError] = []
    for item in items:
        try:
            verb(item)
        except VigilError as error:
            failures.append(error)
    worked = len(items) - len(failures)
    if not failures:
        st.session_state[_KEY] = (said(worked), None)
        return
    first = f"{said(worked)} {len(failures)} could not be" if worked else f"None of {len(items)} could be"
    st.session_state[_KEY] = (f"{first} changed.", failures[0])


def show() -> None:
    """Say what happened, once."""
    said = st.session_state.pop(_KEY, None)
    # The box is there with and without a message: what follows keeps its place, so an open tab stays open.
    with st.container(key="flash"):
        if said is None:
            return
        text, error = said
        if error is None:
            done(text)
        else:
            problem(text, error)
