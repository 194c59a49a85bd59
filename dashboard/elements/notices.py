"""Sentences instead of stack traces: empty states that say what to do, and errors that leave the page up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard.look.markup import element, prose
from vigil.errors import DependencyError, VigilError


def empty(title: str, what_to_do: str) -> None:
    """Nothing to show, and why that is or what to do about it."""
    st.html(element("div", element("strong", title), element("p", prose(what_to_do)), classes="v-empty"))


def problem(what: str, error: VigilError) -> None:
    """Something could not be shown or done: what, why, and what to do (the error says it)."""
    advice = "The page stays up and tries again when it is reloaded." if isinstance(error, DependencyError) else ""
    st.html(
        element(
            "div",
            element("strong", what),
            element("p", prose(str(error))),
            element("p", advice, classes="v-muted") if advice else None,
            classes="v-problem",
            role="alert",
        )
    )


def done(text: str) -> None:
    """Something the analyst asked for has happened. `text` may hold data: it is escaped."""
    st.html(element("div", text, classes="v-done", role="status"))


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """Run one section of a page; when a store is away, say so in its place and leave the other sections alone.

    `what` completes the sentence "… cannot be shown".
    """
    try:
        yield
    except VigilError as error:
        problem(f"{what} cannot be shown.", error)
