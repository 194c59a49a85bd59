"""Whatever text goes into the console's markup comes out as text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import routes
from dashboard.elements.records_table import Badge, Cell, Detail, Row, as_data
from dashboard.look.markup import badge, element, join, link, paragraphs, prose
from dashboard.views.literal import literal
from tests.dashboard.story_cast import HOSTILE


class Parsed(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(), st.text())
def test_text_and_attributes_never_become_markup(text: str, title: str) -> None:
    parsed = Parsed(element("p", text, title=title))
    assert parsed.tags == [("p", {"title": literal(title)})]
    assert parsed.text == literal(text)


def test_only_markup_passes_through() -> None:
    inner = element("b", HOSTILE)
    assert Parsed(element("p", inner, "<i>", None, 3)).tags == [("p", {}), ("b", {})]
    assert str(element("p", None)) == "<p></p>"
    # A plain string that looks like what `element` made is still text.
    assert Parsed(element("p", str(inner) + "")).tags == [("p", {})]
    assert Parsed(join(badge(HOSTILE, "high"), HOSTILE)).text == literal(HOSTILE) * 2


def test_lines_become_paragraphs() -> None:
    assert str(paragraphs("a <b>\n\n# c")) == "<p>a &lt;b&gt;</p><p># c</p>"


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "https://elsewhere.example", "//elsewhere.example", "incident"]
)
def test_links_lead_nowhere_else(href: str) -> None:
    with pytest.raises(ValueError, match="not a page"):
        link("x", href)
    assert routes.destination(href) is None or href == "incident"


def test_every_link_of_the_console_can_be_read_back() -> None:
    assert routes.destination(routes.account(HOSTILE, HOSTILE)) == ("account", {"tenant": HOSTILE, "id": HOSTILE})
    assert routes.destination(routes.incident("inc_1")) == ("incident", {"id": "inc_1"})
    assert routes.destination(routes.incidents()) == ("incidents", {})
    assert routes.destination(routes.actions(action="act_1")) == ("actions", {"action": "act_1"})
    assert routes.destination("/_stcore/health") is None


def test_a_table_sends_text_literally_and_leaves_out_what_is_default() -> None:
    row = Row(
        "r",
        {"a": Cell(HOSTILE, sub="x\x00", badges=(Badge(HOSTILE, "high"),)), "b": Cell()},
        detail=(Detail("Text", f"{HOSTILE}\nsecond", block=True),),
    )
    assert as_data(row) == {
        "id": "r",
        "cells": {
            "a": {"text": literal(HOSTILE), "sub": "x⟨U+0000⟩", "badges": [{"text": literal(HOSTILE), "tone": "high"}]},
            "b": {},
        },
        "detail": [{"label": "Text", "text": f"{literal(HOSTILE)}\nsecond", "block": True}],
    }


@given(st.text(alphabet="ab`<>&\"' ", max_size=40))
def test_advice_holds_its_text_and_nothing_but_code(advice: str) -> None:
    parsed = Parsed(prose(advice))
    assert {tag for tag, _ in parsed.tags} <= {"code"}
    assert parsed.text == (advice if advice.count("`") % 2 else advice.replace("`", ""))
