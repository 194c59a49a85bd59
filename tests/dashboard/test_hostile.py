"""A name that tries HTML, Markdown, links, directives and a change of direction is shown as the characters it is."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.routes import PAGES
from dashboard.views.literal import literal
from tests.dashboard.conftest import App, Told
from tests.dashboard.reading_pages import markup, tables, text
from tests.dashboard.story_cast import HOSTILE

OWN_TAGS = {
    "a", "b", "br", "code", "dd", "details", "div", "dl", "dt", "h1", "h2", "li", "p", "span", "strong", "summary", "ul",
}  # fmt: skip

# What Streamlit renders as Markdown, or with directives: nothing of the telemetry may get there.
MARKDOWN = (
    "markdown",
    "caption",
    "title",
    "header",
    "subheader",
    "error",
    "warning",
    "info",
    "success",
    "toast",
    "metric",
    "text",
    "latex",
)


def query(told: Told, name: str) -> dict[str, str]:
    named = {
        "incident": {"id": told.story.incidents["hostile"]},
        "account": {"tenant": HOSTILE, "id": HOSTILE},
        "accounts": {"account_q": "onerror"},
    }
    return named.get(name, {})


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links.update(value or "" for name, value in attrs if name in ("href", "src"))


@pytest.mark.parametrize("name", PAGES)
def test_it_appears_on_every_page_and_only_as_text(app: App, told: Told, name: str) -> None:
    page = app(name, **query(told, name))
    assert not page.exception, page.exception
    only_as_text(page)
    not_in_markdown(page)
    only_links_of_the_console(page)


def only_as_text(page: AppTest) -> None:
    shown = text(page) + str(tables(page))
    assert "onerror=alert(1)" in shown
    parsed = Tags(markup(page))
    assert parsed.tags <= OWN_TAGS
    assert parsed.attributes <= {"class", "href", "role", "target", "title"}
    assert all(link.startswith("/") for link in parsed.links)
    # The change of direction is written out, wherever the name stands.
    assert "\u202e" not in shown
    assert "⟨U+202E⟩" in shown


def not_in_markdown(page: AppTest) -> None:
    for kind in MARKDOWN:
        for element in page.get(kind):
            assert "onerror" not in str(getattr(element, "value", "")), kind
            assert "onerror" not in str(getattr(element, "label", "")), kind
    for button in page.button:
        assert "onerror" not in button.label
    for tab in page.tabs:
        assert "onerror" not in tab.label


def only_links_of_the_console(page: AppTest) -> None:
    for data in tables(page).values():
        found = re.findall(r"'href': '([^']*)'", str(data))
        assert all(href.startswith("/") and not href.startswith("//") for href in found)
        assert "<img" not in "".join(found)


def test_its_summary_does_not_become_headings_or_lists(app: App, told: Told) -> None:
    page = app("incident", **query(told, "incident"))
    assert "<p># not a heading</p><p>- not a list</p>" in markup(page)


def test_its_text_is_revealed_as_text(app: App, told: Told) -> None:
    page = app("incident", **query(told, "incident"))
    page.button(key="reveal").click().run()
    page.text_input(key="reveal_reason").set_value(HOSTILE)
    page.button(key="reveal_confirmed").click().run()
    assert not page.exception
    (row,) = tables(page)["Evidence"]["rows"]
    assert row["cells"]["turn"]["text"] == literal(HOSTILE)
    assert row["detail"][0] == {"label": "Last turn", "text": literal(HOSTILE), "block": True}


def test_an_error_that_quotes_it_is_shown_as_text(app: App, told: Told) -> None:
    page = app("incident", id=HOSTILE)
    assert literal(HOSTILE) in text(page)
    assert Tags(markup(page)).tags <= OWN_TAGS
