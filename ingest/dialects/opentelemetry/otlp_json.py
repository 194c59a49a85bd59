"""OTLP in JSON: ids in hexadecimal, 64-bit integers as strings or numbers, enumerations as numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from ingest.dialects.explain import explain
from ingest.dialects.opentelemetry.items import (
    ERROR,
    MAX_ATTRIBUTES,
    MAX_ITEMS,
    Happening,
    Item,
    too_many_attributes,
    too_many_items,
)
from vigil.errors import BadEvent

Number = int | str

MAX_INTEGER_DIGITS = 20


class _Value(msgspec.Struct, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Number | None = None
    double_value: float | int | str | None = None
    array_value: _Array | None = None
    kvlist_value: _Pairs | None = None


class _Array(msgspec.Struct):
    values: list[_Value] = []


class _Pair(msgspec.Struct):
    key: str = ""
    value: _Value | None = None


class _Pairs(msgspec.Struct):
    values: list[_Pair] = []


class _Resource(msgspec.Struct):
    attributes: list[_Pair] = []


class _Scope(msgspec.Struct):
    name: str = ""


class _Event(msgspec.Struct, rename="camel"):
    name: str = ""
    time_unix_nano: Number = 0
    attributes: list[_Pair] = []


class _Status(msgspec.Struct):
    code: Number = 0


class _Span(msgspec.Struct, rename="camel"):
    name: str = ""
    trace_id: str = ""
    span_id: str = ""
    start_time_unix_nano: Number = 0
    end_time_unix_nano: Number = 0
    attributes: list[_Pair] = []
    events: list[_Event] = []
    status: _Status = msgspec.field(default_factory=_Status)


class _Log(msgspec.Struct, rename="camel"):
    event_name: str = ""
    trace_id: str = ""
    span_id: str = ""
    time_unix_nano: Number = 0
    observed_time_unix_nano: Number = 0
    attributes: list[_Pair] = []
    body: _Value | None = None


class _Holder(msgspec.Struct, rename="camel"):
    """A ResourceSpans or ResourceLogs: read as far as needed, kept as it was sent to be cut."""

    resource: msgspec.Raw = msgspec.Raw(b"{}")
    scope_spans: list[_ScopeItems] = []
    scope_logs: list[_ScopeItems] = []


class _ScopeItems(msgspec.Struct, rename="camel"):
    scope: msgspec.Raw = msgspec.Raw(b"{}")
    spans: list[msgspec.Raw] = []
    log_records: list[msgspec.Raw] = []


class _Payload(msgspec.Struct, rename="camel"):
    resource_spans: list[_Holder] | None = None
    resource_logs: list[_Holder] | None = None


_payload = msgspec.json.Decoder(_Payload)
_resource = msgspec.json.Decoder(_Resource)
_scope = msgspec.json.Decoder(_Scope)
_span = msgspec.json.Decoder(_Span)
_log = msgspec.json.Decoder(_Log)


class Record:
    """One span or log record where it stands: read when asked, cut out when asked."""

    __slots__ = ("_holder", "_raw", "_scope")

    def __init__(self, holder: _Holder, scope: _ScopeItems, raw: msgspec.Raw) -> None:
        self._holder = holder
        self._scope = scope
        self._raw = raw

    def span(self) -> Item:
        """The span. Raises BadEvent."""
        span = _decode(_span, self._raw)
        return Item(
            name=span.name,
            trace_id=span.trace_id.lower(),
            span_id=span.span_id.lower(),
            start_ns=_integer(span.start_time_unix_nano),
            end_ns=_integer(span.end_time_unix_nano),
            failed=span.status.code in (ERROR, "STATUS_CODE_ERROR"),
            attributes=_attributes(span.attributes),
            resource=_attributes(_decode(_resource, self._holder.resource).attributes),
            scope=_decode(_scope, self._scope.scope).name,
            events=tuple(
                Happening(event.name, _integer(event.time_unix_nano), _attributes(event.attributes))
                for event in span.events
            ),
        )

    def log(self) -> tuple[Item, Happening]:
        """The log record, and an item of its span without it. Raises BadEvent."""
        log = _decode(_log, self._raw)
        happening = Happening(
            log.event_name,
            _integer(log.time_unix_nano) or _integer(log.observed_time_unix_nano),
            _attributes(log.attributes),
            _value(log.body),
        )
        item = Item(
            trace_id=log.trace_id.lower(),
            span_id=log.span_id.lower(),
            attributes={},
            resource=_attributes(_decode(_resource, self._holder.resource).attributes),
            scope=_decode(_scope, self._scope.scope).name,
        )
        return item, happening


def spans(raw: bytes) -> list[Record]:
    """The spans of a payload. Raises BadEvent."""
    return _records(_holders(raw, "resource_spans", "traces", "resource_logs"), "scope_spans", "spans")


def logs(raw: bytes) -> list[Record]:
    """The log records of a payload. Raises BadEvent."""
    return _records(_holders(raw, "resource_logs", "logs", "resource_spans"), "scope_logs", "log_records")


def cut_spans(records: Iterable[Record]) -> bytes:
    """A payload of these spans alone."""
    return _cut(records, "resourceSpans", "scopeSpans", "spans")


def cut_logs(records: Iterable[Record]) -> bytes:
    """A payload of these log records alone."""
    return _cut(records, "resourceLogs", "scopeLogs", "logRecords")


def _holders(raw: bytes, wanted: str, what: str, other: str) -> list[_Holder]:
    payload = _decode(_payload, raw)
    holders: list[_Holder] | None = getattr(payload, wanted)
    if holders is not None:
        return holders
    if getattr(payload, other) is not None:
        raise BadEvent(
            "wrong_signal",
            f"the payload holds {'logs' if what == 'traces' else 'traces'}, but this topic is read as {what}; name the"
            " dialect otlp for traces and otlp_logs for logs in kafka.topics",
        )
    key = "resourceSpans" if what == "traces" else "resourceLogs"
    raise BadEvent("missing_field", f"the payload is no OTLP JSON: it has no `{key}`; set the encoding to otlp_json")


def _records(holders: Sequence[_Holder], scopes: str, items: str) -> list[Record]:
    records = [
        Record(holder, scope, raw)
        for holder in holders
        for scope in getattr(holder, scopes)
        for raw in getattr(scope, items)
    ]
    if len(records) > MAX_ITEMS:
        raise too_many_items()
    return records


def _cut(records: Iterable[Record], holder: str, scope: str, items: str) -> bytes:
    cut = [
        {
            "resource": record._holder.resource,
            scope: [{"scope": record._scope.scope, items: [record._raw]}],
        }
        for record in records
    ]
    return msgspec.json.encode({holder: cut})


def _decode(decoder: msgspec.json.Decoder[Any], raw: bytes | msgspec.Raw) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.DecodeError as error:
        raise explain(error) from None


def _attributes(pairs: Sequence[_Pair]) -> dict[str, Any]:
    if len(pairs) > MAX_ATTRIBUTES:
        raise too_many_attributes()
    return dict(_pairs(pairs))


def _pairs(pairs: Iterable[_Pair]) -> Iterator[tuple[str, Any]]:
    for pair in pairs:
        yield pair.key, _value(pair.value)


def _value(value: _Value | None) -> Any:
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return _integer(value.int_value)
    if value.double_value is not None:
        return _float(value.double_value)
    if value.array_value is not None:
        return [_value(inner) for inner in value.array_value.values]
    if value.kvlist_value is not None:
        return dict(_pairs(value.kvlist_value.values))
    return None


def _integer(value: Number) -> int:
    """0 for what is no integer: unknown times are 0 as well."""
    if isinstance(value, int):
        return value
    digits = value.removeprefix("-")
    return int(value) if digits.isascii() and digits.isdigit() and len(digits) <= MAX_INTEGER_DIGITS else 0


def _float(value: float | str) -> float | None:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
