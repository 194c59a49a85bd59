"""Tables of attributes: which one fills which field of the event, and how its value is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One field and the attributes that may fill it; the first that is there and readable wins."""

    field: str
    attributes: tuple[str, ...]
    convert: Callable[[Any], Any]


def fill(fields: dict[str, Any], rows: Sequence[Row], attributes: Mapping[str, Any], used: set[str]) -> None:
    """Fill the fields that are still missing. An attribute that cannot be read stays an ordinary attribute."""
    for row in rows:
        if row.field in fields:
            continue
        for name in row.attributes:
            value = attributes.get(name)
            if value is None:
                continue
            converted = row.convert(value)
            if converted is not None:
                fields[row.field] = converted
                used.add(name)
                break


def text(value: Any) -> str | None:
    """A text that is not empty; numbers as they are written.

    >>> text(7), text(""), text(["a"])
    ('7', None, None)
    """
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(value)


def whole(value: Any) -> int | None:
    """A count, also when it was sent as text or as a float; a negative one is unknown.

    >>> whole("12"), whole(12.0), whole(12.5), whole(-1), whole(True)
    (12, 12, None, None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None
    if isinstance(value, float):
        return int(value) if 0 <= value < 2**53 and value.is_integer() else None
    return value if isinstance(value, int) and value >= 0 else None


def number(value: Any) -> float | None:
    """A finite number, also when it was sent as text.

    >>> number("0.5"), number("nan"), number(False)
    (0.5, None, None)
    """
    if isinstance(value, bool):
        return None
    try:
        found = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def amount(value: Any) -> float | None:
    """A number that is not negative."""
    found = number(value)
    return found if found is not None and found >= 0 else None


def names(value: Any) -> tuple[str, ...] | None:
    """A list of names, or one name.

    >>> names(["stop", None]), names("stop"), names([])
    (('stop',), ('stop',), None)
    """
    if isinstance(value, str):
        return (value,) if value else None
    if isinstance(value, list):
        return tuple(item for item in value if isinstance(item, str) and item) or None
    return None


def milliseconds(value: Any) -> int | None:
    """A duration in seconds as whole milliseconds."""
    seconds = amount(value)
    return round(seconds * 1000) if seconds is not None and seconds < 1e6 else None


def indexed(attributes: Mapping[str, Any], prefix: str, used: set[str]) -> list[dict[str, Any]]:
    """A list that was sent as one attribute a leaf, in the order of its numbers.

    >>> indexed({"m.0.role": "user", "m.0.parts.0.text": "Hi", "m.x": 1}, "m", set())
    [{'role': 'user', 'parts.0.text': 'Hi'}]
    """
    start = prefix + "."
    found: dict[int, dict[str, Any]] = {}
    for key, value in attributes.items():
        if not key.startswith(start):
            continue
        position, _, rest = key[len(start) :].partition(".")
        if rest and position.isascii() and position.isdigit() and len(position) <= 6:
            found.setdefault(int(position), {})[rest] = value
            used.add(key)
    return [found[position] for position in sorted(found)]
