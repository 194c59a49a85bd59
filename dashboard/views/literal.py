"""Text of telemetry made safe to look at: what is invisible or reorders its surroundings is written out."""

from __future__ import annotations

import unicodedata

# Format characters that belong to ordinary writing: joiners of Arabic, Indic scripts and emoji.
_ALLOWED_FORMAT = frozenset("\u200c\u200d")


def literal(text: str, limit: int = 0) -> str:
    """`text` on one line, with line ends, control and direction characters written as `⟨U+202E⟩`.

    With `limit`, at most that many characters are kept and the cut is marked.

    >>> literal("pay\\u202eexe")
    'pay⟨U+202E⟩exe'
    >>> literal("abcdef", limit=4)
    'abc…'
    """
    if limit and len(text) > limit:
        text = text[: limit - 1] + "…"
    return "".join(_visible(char) for char in text)


def literal_lines(text: str, limit: int = 0) -> str:
    """Like `literal`, for text of several lines: line ends and tabs stay."""
    if limit and len(text) > limit:
        text = text[: limit - 1] + "…"
    return "".join(char if char in "\n\t" else _visible(char) for char in text)


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and char not in _ALLOWED_FORMAT:
        return f"⟨U+{ord(char):04X}⟩"
    return char
