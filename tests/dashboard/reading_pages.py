"""What a tested page shows: its own markup, its tables, and the text of both."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

from streamlit.testing.v1 import AppTest


def tables(page: AppTest) -> dict[str, dict[str, Any]]:
    """The data of each table by caption."""
    found = {}
    for component in page.get("bidi_component"):
        data = json.loads(component.proto.json or component.proto.mixed.json)
        found[data["caption"]] = data
    return found


def rows(page: AppTest, caption: str) -> list[dict[str, Any]]:
    """The rows of a table: the texts of cells by column, with `id` and `href` of the row."""
    return [
        {
            **{key: cell_text(cell) for key, cell in row["cells"].items()},
            "id": row["id"],
            "href": row.get("href", ""),
        }
        for row in tables(page)[caption]["rows"]
    ]


def cell_text(cell: dict[str, Any]) -> str:
    """All words of a cell, labels in brackets."""
    labels = [f"[{badge['text']}]" for badge in cell.get("badges", ())]
    return " ".join(part for part in (cell.get("text", ""), *labels, cell.get("sub", "")) if part)


def markup(page: AppTest) -> str:
    """The console's own markup, without stylesheets."""
    return "\n".join(part.value for part in page.html if not part.value.startswith("<style"))


def text(page: AppTest) -> str:
    """The text of the console's own markup, as a browser shows it."""
    return " ".join(_Text.of(markup(page)).split())


def tags(html: str) -> set[str]:
    """Names of all elements in it."""
    return _Text.parse(html).tags


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    @classmethod
    def parse(cls, html: str) -> _Text:
        parser = cls()
        parser.feed(html)
        parser.close()
        return parser

    @classmethod
    def of(cls, html: str) -> str:
        return " ".join(cls.parse(html).parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.parts.append(data)
