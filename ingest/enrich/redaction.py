"""Personal data and secrets are taken out before anything is stored.

    >>> redact("write to ann@example.com or call +44 20 7946 0958")
    'write to <email> or call <phone>'

One pass of a linear-time engine over all texts of an event decides which kinds can be there at all; most events stop
there. Redaction is idempotent, and its cost is bounded by the length of the text whatever the text is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import re2

from ingest.enrich.national_ids import LOOK_BACK_BYTES
from ingest.enrich.patterns import KINDS, Kind

REDACTION_VERSION = 2
"""Stored with every body; raised whenever the same text could come out differently."""

MAX_CANDIDATES = 5_000
"""Of one kind in one event; the rest of the event's text is then withheld as `<redacted>`."""

_MAX_ROUNDS = 6
_NUL = "\x00"
_WITHHELD = b"<redacted>"


def _hints() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    hints = re2.Set.SearchSet(options)
    for kind in KINDS:
        hints.Add(kind.hint)
    hints.Compile()
    return hints


_HINTS = _hints()
_FIRST_WORD = re.compile(rb"[^A-Za-z0-9]*[A-Za-z0-9]*")


def redact(text: str) -> str:
    """`text` with personal data and secrets replaced by their kind in angle brackets."""
    return redact_all([text])[0]


def redact_all(texts: Sequence[str]) -> Sequence[str]:
    """All texts of one event at once; the same sequence when there is nothing to redact.

    Texts are joined by NUL, which no pattern crosses; a NUL inside a text becomes U+FFFD.
    """
    joined = _NUL.join(texts)
    if joined.count(_NUL) != len(texts) - 1:
        joined = _NUL.join(text.replace(_NUL, "\N{REPLACEMENT CHARACTER}") for text in texts)
        return _redact_joined(joined.encode()).decode().split(_NUL)
    data = joined.encode()
    redacted = _redact_joined(data)
    return texts if redacted is data else redacted.decode().split(_NUL)


def _redact_joined(data: bytes) -> bytes:
    """Repeat until nothing changes (in practice the second look finds nothing), so that the result is a fixed point."""
    for _ in range(_MAX_ROUNDS):
        before = data
        for index in sorted(_HINTS.Match(data) or ()):
            data = _replace(data, KINDS[index])
        if data == before:
            return before
    return _withheld(data)


def _replace(data: bytes, kind: Kind) -> bytes:
    """`data` without the things of one kind; the same object when there are none."""
    pieces: list[bytes] = []
    kept = position = checks = candidates = 0
    while (match := kind.candidate.search(data, position)) is not None:
        start, end = match.span()
        candidates += 1
        if candidates > MAX_CANDIDATES:
            pieces += (data[kept:start], _withheld(data[start:]))
            return b"".join(pieces)
        if kind.alone:
            end = _end_of_whole_words(data, start, end)
        length = 0
        if end > start and not (kind.apart and _in_a_row(data, start, end)):
            check = kind.check if kind.near is None else kind.near(_before(data, start))
            if check is not None:
                checks += 1
                length = check(data[start:end]) if checks <= kind.max_checks else end - start
        if length:
            pieces += (data[kept:start], kind.replacement)
            kept = position = start + length
        else:
            position = _after_first_word(data, start)
    if not pieces:
        return data
    pieces.append(data[kept:])
    return b"".join(pieces)


def _end_of_whole_words(data: bytes, start: int, end: int) -> int:
    """Where a candidate must end so that it cuts no word; `start` when it begins inside one."""
    if data[start - 1 : start].isalnum() and data[start : start + 1].isalnum():
        return start
    if data[end : end + 1].isalnum():
        while end > start and data[end - 1 : end].isalnum():
            end -= 1
        while end > start and not data[end - 1 : end].isalnum():
            end -= 1
    return end


def _before(data: bytes, start: int) -> bytes:
    """What stands before a candidate in the same text."""
    return data[max(0, start - LOOK_BACK_BYTES) : start].rpartition(b"\x00")[2]


def _in_a_row(data: bytes, start: int, end: int) -> bool:
    """Whether a number stands right before or after, a space, hyphen, dot or slash away."""
    return data[max(0, start - 2) : start].rstrip(b" -./").isdigit() or data[end : end + 2].lstrip(b" -./").isdigit()


def _after_first_word(data: bytes, start: int) -> int:
    """Where to look on after a candidate that was none."""
    word = _FIRST_WORD.match(data, start)
    return max(word.end() if word else 0, start + 1)


def _withheld(data: bytes) -> bytes:
    """Every text of `data` (the rest of the first one included) replaced whole."""
    return b"\x00".join([_WITHHELD] * (data.count(b"\x00") + 1))
