"""The console's table: a small component of our own, because a table that analysts work in all day must be sortable,
reachable by keyboard, selectable as text and searchable in the browser, and show hostile text as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import streamlit as st

from dashboard.routes import destination, page_file
from dashboard.views.literal import literal, literal_lines

_FOLDER = Path(__file__).parent

Kind = Literal["text", "mono", "id", "clip", "number", "time", "badges"]
"""`id` and `clip` stay on one line and are cut; `mono` and `text` wrap."""


class Column(msgspec.Struct, frozen=True):
    """A column. Numbers and times sort from large to small first."""

    key: str
    label: str
    kind: Kind = "text"
    width: str | None = None


class Badge(msgspec.Struct, frozen=True):
    """A small label in a tone of the palette; `after` is text behind it, in details only."""

    text: str
    tone: str
    title: str = ""
    after: str = ""


class Cell(msgspec.Struct, frozen=True):
    """What stands in a cell. `sort` orders it (else its text), `share` in [0, 1] draws a bar, `href` makes a link."""

    text: str = ""
    sub: str = ""
    sort: float | str | None = None
    tone: str = ""
    href: str = ""
    title: str = ""
    badges: tuple[Badge, ...] = ()
    share: float | None = None


class Detail(msgspec.Struct, frozen=True):
    """One line below an opened row. `block` shows text of several lines as it is."""

    label: str
    text: str = ""
    block: bool = False
    badges: tuple[Badge, ...] = ()


class Row(msgspec.Struct, frozen=True):
    """A record. A click opens `href`, or unfolds `detail`. `fixed` rows cannot be selected, `faded` ones are over."""

    id: str
    cells: dict[str, Cell]
    href: str = ""
    tone: str = ""
    detail: tuple[Detail, ...] = ()
    fixed: bool = False
    faded: bool = False
    expanded: bool = False


_mount = st.components.v2.component(
    "vigil_records_table",
    html='<div class="records"></div>',
    css=(_FOLDER / "records_table.css").read_text(),
    js=(_FOLDER / "records_table.js").read_text(),
)


def records_table(
    key: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    caption: str,
    selectable: bool = False,
    sort: tuple[str, bool] | None = None,
    height: int | None = None,
) -> list[str]:
    """Show the rows and return the ids of the selected ones. Opening a row or link switches the page.

    `sort` is (column, descending); without it the rows keep their order until the reader chooses one.
    """
    data = {
        "caption": caption,
        "columns": [_column(column) for column in columns],
        "rows": [as_data(row) for row in rows],
        "selectable": selectable,
        "expandable": any(row.detail for row in rows),
        "sort": {"key": sort[0], "descending": sort[1]} if sort else None,
        "height": height,
    }
    result = _mount(key=key, data=data, on_open_change=_nothing, on_selected_change=_nothing)
    if isinstance(result.open, str) and (to := destination(result.open)):
        st.switch_page(page_file(to[0]), query_params=to[1])
    known = {row.id for row in rows if not row.fixed}
    chosen = result.selected if isinstance(result.selected, list) else []
    return [id_ for id_ in chosen if id_ in known]


def _nothing() -> None:
    """Streamlit reports a trigger or state only when it has a callback."""


def _column(column: Column) -> dict[str, Any]:
    numeric = column.kind in ("number", "time")
    return {
        "key": column.key,
        "label": column.label,
        "kind": column.kind,
        "width": column.width,
        "align": "right" if column.kind == "number" else "left",
        "descending": numeric,
    }


def as_data(row: Row) -> dict[str, Any]:
    """What is sent to the browser: literal text, and nothing that has its default."""
    # A ring of 500 members travels on every refresh.
    sent: dict[str, Any] = {"id": row.id, "cells": {key: _cell(cell) for key, cell in row.cells.items()}}
    sent["href"], sent["tone"] = row.href, row.tone
    sent["detail"] = [_detail(item) for item in row.detail]
    sent["fixed"], sent["faded"], sent["expanded"] = row.fixed, row.faded, row.expanded
    return {name: value for name, value in sent.items() if value or name in ("id", "cells")}


def _cell(cell: Cell) -> dict[str, Any]:
    sent: dict[str, Any] = {name: literal(getattr(cell, name)) for name in ("text", "sub", "title")}
    sent |= {"tone": cell.tone, "href": cell.href, "badges": [_badge(badge) for badge in cell.badges]}
    kept = {name: value for name, value in sent.items() if value}
    numbers = {"sort": cell.sort, "share": cell.share}
    return kept | {name: value for name, value in numbers.items() if value is not None}


def _badge(badge: Badge) -> dict[str, str]:
    sent = {name: literal(getattr(badge, name)) for name in ("text", "tone", "title", "after")}
    return {name: value for name, value in sent.items() if value}


def _detail(item: Detail) -> dict[str, Any]:
    text = literal_lines(item.text) if item.block else literal(item.text)
    sent = {"label": literal(item.label), "text": text, "block": item.block}
    sent["badges"] = [_badge(badge) for badge in item.badges]
    return {name: value for name, value in sent.items() if value}
