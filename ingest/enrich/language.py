"""Language and script of what was asked last: who switches them is easier to tell apart, and so are their guards.

CLD2 (pycld2) knows 83 languages and answers in microseconds, offline; it says so when a text is too short to tell.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache

import pycld2

MAX_CHARS = 256
"""Read of a text; more tells no more."""

_ENGLISH = frozenset(
    {
        "the", "and", "with", "what", "how", "which", "that", "this", "these", "those", "you", "your", "from", "about",
        "should", "would", "could", "write", "please", "when", "where", "why", "who", "does", "have", "into", "between",
        "explain", "because", "their", "there", "than", "following", "using", "without", "make", "give", "tell",
    }
)  # fmt: skip
"""Words of English that no other language written in ASCII has several of."""

_ENOUGH = 3

_LATIN = "Latn"
_SCRIPTS = {
    "LATIN": _LATIN, "CYRILLIC": "Cyrl", "GREEK": "Grek", "ARABIC": "Arab", "HEBREW": "Hebr", "CJK": "Hani",
    "HIRAGANA": "Hira", "KATAKANA": "Kana", "HANGUL": "Hang", "DEVANAGARI": "Deva", "BENGALI": "Beng", "THAI": "Thai",
    "TAMIL": "Taml", "TELUGU": "Telu", "GUJARATI": "Gujr", "GURMUKHI": "Guru", "KANNADA": "Knda", "MALAYALAM": "Mlym",
    "SINHALA": "Sinh", "LAO": "Laoo", "MYANMAR": "Mymr", "KHMER": "Khmr", "GEORGIAN": "Geor", "ARMENIAN": "Armn",
    "ETHIOPIC": "Ethi", "TIBETAN": "Tibt", "MATHEMATICAL": "Zmth", "FULLWIDTH": _LATIN, "HALFWIDTH": "Kana",
}  # fmt: skip
"""First word of a letter's Unicode name → ISO 15924."""


@lru_cache(maxsize=16_384)
def language_and_script(text: str) -> tuple[str | None, str | None]:
    """ISO 639 code of the language and ISO 15924 code of the script most letters have; None where they cannot be told.

    Give it at most `MAX_CHARS` characters, so that equal beginnings are looked at once.

    >>> language_and_script("Wie spät ist es gerade in Berlin?"), language_and_script("12 + 7")
    (('de', 'Latn'), (None, None))
    """
    script = _script(text)
    return (None, None) if script is None else (_language(text), script)


def _language(text: str) -> str | None:
    # Most traffic is English, and CLD2's cost for each text is that of everything else done with an event.
    if text.isascii() and len(_ENGLISH.intersection(text.lower().split())) >= _ENOUGH:
        return "en"
    try:
        reliable, _, languages = pycld2.detect(text, isPlainText=True, bestEffort=False)
    except pycld2.error:
        # It refuses control characters and what it calls invalid UTF-8.
        return None
    code: str = languages[0][1]
    return code if reliable and code != "un" else None


def _script(text: str) -> str | None:
    if text.isascii():
        return _LATIN if any(character.isalpha() for character in text) else None
    counts: Counter[str] = Counter()
    for character in text:
        if character.isalpha():
            counts["LATIN" if character.isascii() else unicodedata.name(character, "").partition(" ")[0]] += 1
    if not counts:
        return None
    return _SCRIPTS.get(max(counts, key=lambda name: (counts[name], name)), "Zyyy")
