"""Titles and the strip of numbers on top of a page."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import streamlit as st

from dashboard.look.markup import Child, Markup, element, join


class Stat(msgspec.Struct, frozen=True):
    """A number with its name; `tone` colours its upper edge when the number is not zero."""

    number: str
    name: str
    tone: str = ""
    hint: str = ""


def page_title(title: str, subtitle: Child = None) -> None:
    """The title of a page."""
    st.html(
        element(
            "div",
            element("h1", title),
            element("span", subtitle, classes="v-muted") if subtitle else None,
            classes="v-title",
        )
    )


def section(title: str, note: str = "") -> None:
    """The title of a part of a page."""
    st.html(element("h2", title, element("span", note, classes="v-muted") if note else None, classes="v-section"))


def strip(stats: Sequence[Stat]) -> None:
    """A row of numbers."""
    st.html(element("div", *(_stat(stat) for stat in stats), classes="v-strip"))


def card(title: str, *content: Child) -> None:
    """A titled box."""
    st.html(element("div", element("h2", title), *content, classes="v-card"))


def note(*content: Child) -> None:
    """A small line below something."""
    st.html(element("p", *content, classes="v-note"))


def code(text: str) -> Markup:
    """A command, as it is typed."""
    return element("code", text, classes="v-code")


def facts(pairs: Sequence[tuple[str, Child]]) -> Markup:
    """Names and values, one a line."""
    return element("dl", *(join(element("dt", name), element("dd", value)) for name, value in pairs), classes="v-facts")


_LONG = 48


def fact_grid(pairs: Sequence[tuple[str, str]]) -> Markup:
    """Names over values, side by side; long values follow, each on a line of its own."""
    short = [pair for pair in pairs if len(pair[1]) <= _LONG]
    long = [pair for pair in pairs if len(pair[1]) > _LONG]
    return join(
        element("dl", *(_fact(name, value) for name, value in short), classes="v-fact-grid") if short else None,
        element("dl", *(_fact(name, value) for name, value in long), classes="v-fact-list") if long else None,
    )


def _fact(name: str, value: str) -> Markup:
    return element("div", element("dt", name), element("dd", value))


def _stat(stat: Stat) -> Markup:
    nothing = stat.number in ("0", "–")
    edge = f" v-edge-{stat.tone}" if stat.tone and not nothing else ""
    return element(
        "div",
        element("div", stat.number, classes="v-number" + (" v-none" if nothing else "")),
        element("div", stat.name, classes="v-name"),
        element("div", stat.hint, classes="v-hint") if stat.hint else None,
        classes="v-stat" + edge,
    )
