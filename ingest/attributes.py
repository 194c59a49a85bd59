"""Everything a sender adds beyond the contract: kept, as text, within bounds, and what did not fit is counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

MAX_KEYS = 64
MAX_KEY_CHARS = 128
MAX_VALUE_CHARS = 1024

RESERVED_PREFIX = "vigil."
"""Keys that ingest itself writes; a sender's are dropped and counted."""

DROPPED = "vigil.dropped_attributes"
CUT = "vigil.cut"


def as_text(attributes: Mapping[str, Any]) -> dict[str, str]:
    """At most 64 keys of at most 128 characters; a value that is not a string becomes JSON, null is missing.

    `vigil.dropped_attributes` says how many keys did not fit. Values are not cut yet: cutting comes after redaction,
    or it would leave the first half of a secret that nothing recognises any more.

    >>> as_text({"team": "red", "retries": 2, "nothing": None})
    {'team': 'red', 'retries': '2'}
    """
    kept: dict[str, str] = {}
    dropped = 0
    for key, value in attributes.items():
        if value is None:
            continue
        if len(kept) == MAX_KEYS or len(key) > MAX_KEY_CHARS or key.startswith(RESERVED_PREFIX):
            dropped += 1
            continue
        kept[key] = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if dropped:
        kept[DROPPED] = str(dropped)
    return kept


def cut(attributes: dict[str, str]) -> int:
    """Cut values to 1,024 characters in place; returns how many were longer."""
    long = [key for key, value in attributes.items() if len(value) > MAX_VALUE_CHARS]
    for key in long:
        attributes[key] = attributes[key][:MAX_VALUE_CHARS]
    return len(long)
