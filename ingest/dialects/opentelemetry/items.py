"""Spans and log records as plain values, the same whether they came as protobuf or as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from vigil.errors import BadEvent

MAX_ITEMS = 20_000
"""Spans or log records in one payload; a collector's batch has at most some thousands."""

MAX_ATTRIBUTES = 8_192
"""Attributes of one item. Conversations written as one attribute a message need many."""

ERROR = 2
"""The status code of a span that failed."""


class Happening(msgspec.Struct, frozen=True, gc=False):
    """A span's event, or a log record: a name, a time in nanoseconds since 1970, attributes and a body."""

    name: str
    time_ns: int
    attributes: dict[str, Any]
    body: Any = None


class Item(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One span, or the log records of one span. Ids are hexadecimal, times nanoseconds since 1970; 0 = unknown."""

    name: str = ""
    trace_id: str = ""
    span_id: str = ""
    start_ns: int = 0
    end_ns: int = 0
    failed: bool = False
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope: str = ""
    events: tuple[Happening, ...] = ()


def too_many_items() -> BadEvent:
    """For a payload with more items than are read at once."""
    return BadEvent(
        "too_many_items",
        f"the payload holds more than {MAX_ITEMS:,} spans or log records; send smaller batches"
        " (`send_batch_max_size` of the collector's batch processor)",
    )


def too_many_attributes() -> BadEvent:
    """For an item whose attributes are out of all proportion."""
    return BadEvent(
        "too_many_attributes",
        f"a span or log record has more than {MAX_ATTRIBUTES:,} attributes; limit them in the SDK"
        " (OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT) or send messages as one attribute",
    )
