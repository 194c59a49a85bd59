"""OTLP in protobuf: `ExportTraceServiceRequest` and `ExportLogsServiceRequest`, as the collector writes them to Kafka.

On the wire they are the same as `TracesData` and `LogsData`, which are what is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

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


class Record:
    """One span or log record where it stands: read when asked, cut out when asked."""

    __slots__ = ("_holder", "_message", "_scope")

    def __init__(self, holder: Any, scope: Any, message: Any) -> None:
        self._holder = holder
        self._scope = scope
        self._message = message

    def span(self) -> Item:
        """The span. Raises BadEvent."""
        span = self._message
        return Item(
            name=span.name,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            start_ns=span.start_time_unix_nano,
            end_ns=span.end_time_unix_nano,
            failed=span.status.code == ERROR,
            attributes=_attributes(span.attributes),
            resource=_attributes(self._holder.resource.attributes),
            scope=self._scope.scope.name,
            events=tuple(
                Happening(event.name, event.time_unix_nano, _attributes(event.attributes)) for event in span.events
            ),
        )

    def log(self) -> tuple[Item, Happening]:
        """The log record, and an item of its span without it. Raises BadEvent."""
        record = self._message
        happening = Happening(
            record.event_name,
            record.time_unix_nano or record.observed_time_unix_nano,
            _attributes(record.attributes),
            _value(record.body),
        )
        item = Item(
            trace_id=record.trace_id.hex(),
            span_id=record.span_id.hex(),
            attributes={},
            resource=_attributes(self._holder.resource.attributes),
            scope=self._scope.scope.name,
        )
        return item, happening


def spans(raw: bytes) -> list[Record]:
    """The spans of a payload. Raises BadEvent."""
    found = [
        Record(holder, scope, span)
        for holder in _parse(TracesData, raw, "traces").resource_spans
        for scope in holder.scope_spans
        for span in _bounded(scope.spans)
    ]
    return _checked(found)


def logs(raw: bytes) -> list[Record]:
    """The log records of a payload. Raises BadEvent."""
    found = [
        Record(holder, scope, record)
        for holder in _parse(LogsData, raw, "logs").resource_logs
        for scope in holder.scope_logs
        for record in _bounded(scope.log_records)
    ]
    return _checked(found)


def cut_spans(records: Iterable[Record]) -> bytes:
    """A payload of these spans alone."""
    data = TracesData()
    for record in records:
        holder = data.resource_spans.add(schema_url=record._holder.schema_url)
        if record._holder.HasField("resource"):
            holder.resource.CopyFrom(record._holder.resource)
        scope = holder.scope_spans.add(schema_url=record._scope.schema_url)
        if record._scope.HasField("scope"):
            scope.scope.CopyFrom(record._scope.scope)
        scope.spans.add().CopyFrom(record._message)
    return bytes(data.SerializeToString())


def cut_logs(records: Iterable[Record]) -> bytes:
    """A payload of these log records alone."""
    data = LogsData()
    for record in records:
        holder = data.resource_logs.add(schema_url=record._holder.schema_url)
        if record._holder.HasField("resource"):
            holder.resource.CopyFrom(record._holder.resource)
        scope = holder.scope_logs.add(schema_url=record._scope.schema_url)
        if record._scope.HasField("scope"):
            scope.scope.CopyFrom(record._scope.scope)
        scope.log_records.add().CopyFrom(record._message)
    return bytes(data.SerializeToString())


def _parse(kind: Any, raw: bytes, what: str) -> Any:
    try:
        return kind.FromString(raw)
    except DecodeError:
        raise BadEvent(
            "malformed_protobuf",
            f"the payload is neither OTLP {what} in protobuf nor JSON; set the exporter's encoding to otlp_proto or"
            f" otlp_json, and read {what} only from this topic",
        ) from None


def _bounded(records: Any) -> Any:
    if len(records) > MAX_ITEMS:
        raise too_many_items()
    return records


def _checked(records: list[Record]) -> list[Record]:
    if len(records) > MAX_ITEMS:
        raise too_many_items()
    return records


def _attributes(pairs: Any) -> dict[str, Any]:
    if len(pairs) > MAX_ATTRIBUTES:
        raise too_many_attributes()
    return dict(_pairs(pairs))


def _pairs(pairs: Iterable[KeyValue]) -> Iterator[tuple[str, Any]]:
    for pair in pairs:
        yield pair.key, _value(pair.value)


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None or kind == "bytes_value":
        return None
    if kind == "array_value":
        return [_value(inner) for inner in value.array_value.values]
    if kind == "kvlist_value":
        return dict(_pairs(value.kvlist_value.values))
    return getattr(value, kind, None)
