"""HTML whose text is always escaped: the only way the console builds markup.

`element` escapes every child that is a plain string; only what `element` itself made passes as it is. Streamlit
sanitises the result again (DOMPurify) before it reaches the page.
"""

from __future__ import annotations

from html import escape

from dashboard.views.literal import literal


class Markup(str):
    """HTML made by `element`: safe to place inside other markup."""

    __slots__ = ()


Child = Markup | str | int | float | None


def element(tag: str, *children: Child, classes: str = "", **attributes: str | int | None) -> Markup:
    """One HTML element. Text children and attribute values are escaped and shown literally; None children are left out.

    `tag` is never a void one (`br`, `img`); `tag`, `classes` and attribute names come from code, never from data. `data_x` becomes `data-x`.

    >>> element("b", "<script>", title='"')
    '<b title="&quot;">&lt;script&gt;</b>'
    """
    given = {"class": classes or None, **attributes}
    spelled = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(literal(str(value)))}"'
        for name, value in given.items()
        if value is not None
    )
    inner = "".join(_child(child) for child in children)
    return Markup(f"<{tag}{spelled}>{inner}</{tag}>")


def join(*parts: Child) -> Markup:
    """Several pieces one after the other."""
    return Markup("".join(_child(part) for part in parts))


def paragraphs(text: str) -> Markup:
    """Text of several lines, one paragraph a line; empty lines are left out."""
    return join(*(element("p", line) for line in text.splitlines() if line.strip()))


def prose(text: str) -> Markup:
    """A sentence in which commands stand between backticks.

    >>> prose("Start it with `vigil up`.")
    'Start it with <code class="v-code">vigil up</code>.'
    """
    if text.count("`") % 2:
        return join(text)
    return join(
        *(element("code", part, classes="v-code") if odd % 2 else part for odd, part in enumerate(text.split("`")))
    )


def badge(text: str, tone: str, *, title: str | None = None, solid: bool = False) -> Markup:
    """A small label in a tone of the palette."""
    return element("span", text, classes=f"v-badge v-{tone}" + (" v-solid" if solid else ""), title=title)


def link(text: Child, href: str, *, classes: str = "v-link") -> Markup:
    """A link within the console; `href` must be one of `dashboard.routes`."""
    if not href.startswith("/") or href.startswith("//"):
        raise ValueError(f"not a page of the console: {href!r}")
    return element("a", text, classes=classes, href=href, target="_self")


def _child(child: Child) -> str:
    if child is None:
        return ""
    return child if isinstance(child, Markup) else escape(literal(str(child)))
