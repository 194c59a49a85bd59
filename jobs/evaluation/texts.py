"""Scores of single texts, so that any labelled set can be measured: what redaction finds in them, so far.

In: one `{id, text, role}` a line. Out: one `{id, scores, flagged}` a line, in the same order. The scores are those of
code that runs in the product: `secret` and `personal_data` say how much of either the redaction of ingest takes out
of the text. n findings score n / (n + 1), so 0 is none and one finding 0.5; a text is flagged from one on. They say
nothing about harm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ingest.enrich.patterns import KINDS
from ingest.enrich.redaction import redact
from ingest.files import read_lines
from vigil.errors import UsageError

SECRETS = frozenset({"private_key", "jwt", "secret"})
"""Kinds of redaction that are secrets; the others are personal data."""

FLAGGED_FROM = 0.5

_MARKS = {kind.name: f"<{kind.name}>" for kind in KINDS}


class Text(msgspec.Struct, frozen=True):
    """One text to score. `role` as in an event's `input`: user, assistant, system or tool."""

    id: str | int
    text: str
    role: str = "user"


class Scored(msgspec.Struct, frozen=True):
    """What the product says about one text; the names of `scores` and `flagged` are the same."""

    id: str | int
    scores: Mapping[str, float]
    flagged: Mapping[str, bool]


class BadLine(msgspec.Struct, frozen=True):
    """A line that holds no text to score, and why."""

    line: int
    reason: str


def run(*, data: Path, input: Path | None = None) -> dict[str, Any]:
    """Score the texts of `input`; returns how many were flagged under each name. Raises UsageError without `input`."""
    if input is None:
        raise UsageError("say which texts to score: `vigil evaluate texts --input FILE`, one {id, text, role} a line")
    return figures(score_file(input))


def figures(results: Iterable[Scored | BadLine]) -> dict[str, Any]:
    """Counts over `results`."""
    texts = bad_lines = 0
    flagged = Counter[str]()
    for one in results:
        if isinstance(one, BadLine):
            bad_lines += 1
        else:
            texts += 1
            flagged.update(one.flagged)  # True counts as 1
    return {"texts": texts, "bad_lines": bad_lines, "flagged": dict(flagged)}


def score_file(path: Path) -> Iterator[Scored | BadLine]:
    """Every line of a file (plain, gzip or Zstandard), in order. Raises UsageError when it cannot be read."""
    for number, raw in read_lines(path):
        yield score_line(number, raw)


def score_line(number: int, raw: bytes) -> Scored | BadLine:
    """The scores of one line; never raises for what is in it."""
    try:
        text = msgspec.json.decode(raw, type=Text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return BadLine(number, f"is not {{id, text, role}}: {error}")
    try:
        scores = score(text.text)
    except UnicodeEncodeError:
        return BadLine(number, "holds half a surrogate pair (\\ud800 to \\udfff); write the character itself")
    return Scored(text.id, scores, {name: value >= FLAGGED_FROM for name, value in scores.items()})


def score(text: str) -> dict[str, float]:
    """Scores of one text, each in [0, 1).

    >>> score("mail ann@example.com")
    {'secret': 0.0, 'personal_data': 0.5}
    """
    redacted = redact(text)
    found = {"secret": 0, "personal_data": 0}
    if redacted != text:
        for name, mark in _MARKS.items():
            # Marks that the text brought along are no findings.
            found["secret" if name in SECRETS else "personal_data"] += max(0, redacted.count(mark) - text.count(mark))
    return {name: number / (number + 1) for name, number in found.items()}
