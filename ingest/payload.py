"""What is checked of a payload's bytes before anything reads it: size, UTF-8, nesting."""

from __future__ import annotations

import numpy as np

from vigil.errors import BadEvent

MAX_DEPTH = 64

_KEPT = b'"[]{}'
_DROPPED = bytes(byte for byte in range(256) if byte not in _KEPT)


def check_size(raw: bytes, max_bytes: int) -> None:
    """Raises BadEvent for a payload that is empty or too large."""
    if len(raw) > max_bytes:
        raise BadEvent(
            "too_large",
            f"the payload has {len(raw):,} bytes or more, at most {max_bytes:,} are accepted;"
            " send less content, or raise ingest.max_event_bytes",
        )
    if not raw:
        raise BadEvent("empty", "the payload is empty (a Kafka tombstone?); send one event a record")


def check_text(raw: bytes) -> None:
    """Raises BadEvent for invalid UTF-8 or JSON nested deeper than 64."""
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            raise BadEvent(
                "invalid_utf8",
                f"byte {error.start} of the payload is not valid UTF-8; make the sender encode text as UTF-8",
            ) from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and depth(raw) > MAX_DEPTH:
        raise BadEvent("too_deep", f"the JSON is nested deeper than {MAX_DEPTH}; flatten it")


def depth(raw: bytes) -> int:
    """How deep arrays and objects nest outside strings, linear in native code.

    Of text that is not JSON, it is right up to the place where a parser stops.

    >>> depth(b'{"a": [[1], "[[[["]}')
    3
    """
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    structure = b"".join(raw.translate(None, _DROPPED).split(b'"')[::2])
    characters = np.frombuffer(structure, dtype=np.uint8)
    opening = (characters == ord("[")) | (characters == ord("{"))
    return int(np.cumsum(np.where(opening, 1, -1), dtype=np.int32).max(initial=0))
