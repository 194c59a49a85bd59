"""Decoder errors as sentences for the person who runs the sender. They name the field, never its content."""

from __future__ import annotations

import re

import msgspec

from vigil.errors import BadEvent
from vigil.event import Status

_EXPECTED_GOT = re.compile(r"Expected `(?P<expected>[^`]+)`, got `(?P<got>[^`]+)`(?: - at `(?P<path>[^`]+)`)?\Z")
_LIMIT = re.compile(
    r"Expected `(?P<expected>[^`]+)` (?P<limit>(?:of length )?[<>]=? [\d.e+-]+) - at `(?P<path>[^`]+)`\Z"
)
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`(?: - at `(?P<path>[^`]+)`)?\Z")
_OTHER = re.compile(
    r"(?P<what>Invalid enum value|Invalid UUID|Invalid RFC3339|Number out of range|Integer value out of range)\b.* - at `(?P<path>[^`]+)`\Z",
    re.DOTALL,
)

_WORDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
    "datetime": "an RFC 3339 time",
    "uuid": "a UUID",
    "any": "anything",
}


def explain(error: msgspec.DecodeError) -> BadEvent:
    """The dead letter's error class and reason for what msgspec found wrong."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        detail = text.removeprefix("JSON is malformed: ")
        return BadEvent(
            "malformed_json",
            f"the payload is not valid JSON: {detail}; send one JSON object an event, with strings escaped",
        )
    if match := _EXPECTED_GOT.match(text):
        expected = _any_of(match["expected"])
        if match["path"] is None:
            return BadEvent(
                "wrong_type", f"an event must be {expected}, not {_any_of(match['got'])}; send one JSON object an event"
            )
        return BadEvent(
            "wrong_type", f"{_field(match['path'])} must be {expected}, not {_any_of(match['got'])}; correct the sender"
        )
    if match := _LIMIT.match(text):
        limit = match["limit"].replace("of length", "characters long, length")
        return BadEvent(
            "out_of_range", f"{_field(match['path'])} must be {_any_of(match['expected'])} {limit}; correct the sender"
        )
    if match := _MISSING.match(text):
        place = _field(match["path"]) if match["path"] else "the event"
        return BadEvent("missing_field", f"{place} has no `{match['field']}`; correct the sender")
    if match := _OTHER.match(text):
        return _other(match["what"], _field(match["path"]))
    return BadEvent("wrong_type", "the event does not have the form of the contract's section 1; correct the sender")


def _other(what: str, field: str) -> BadEvent:
    if what == "Invalid enum value":
        return BadEvent(
            "wrong_value", f"{field} must be one of {', '.join(status.value for status in Status)}; correct the sender"
        )
    if what == "Invalid UUID":
        return BadEvent(
            "wrong_value", f"{field} must be a UUID such as 123e4567-e89b-12d3-a456-426614174000, or be left out"
        )
    if what == "Invalid RFC3339":
        return BadEvent(
            "wrong_value",
            f"{field} must be an RFC 3339 time with an offset, such as 2026-01-31T12:00:00Z, or a number of seconds, milliseconds or nanoseconds since 1970",
        )
    return BadEvent("out_of_range", f"{field} is a number too large to be one; correct the sender")


def _field(path: str) -> str:
    return f"`{path.removeprefix('$.')}`"


def _any_of(types: str) -> str:
    names = [_WORDS.get(name.strip(), name.strip()) for name in types.split("|")]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]
