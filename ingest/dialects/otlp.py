"""OTLP, as the OpenTelemetry Collector's kafka exporter writes it (`otlp_proto`, `otlp_json`) and SDKs post it.

`otlp` reads traces: each span that is a call of a model or tool is an event, other spans are left out. `otlp_logs`
reads logs: each `gen_ai.client.inference.operation.details` record and each access-log record of a call is an event;
the message events of conventions 1.28 to 1.36 make one event for each span whose records stand in the payload.
Which attribute fills which field stands in `ingest.dialects.conventions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, ClassVar

import msgspec

from ingest.dialects.base import Dialect, WireEvent
from ingest.dialects.conventions import gen_ai
from ingest.dialects.conventions.calls import call, is_call
from ingest.dialects.opentelemetry import otlp_json, protobuf
from ingest.dialects.opentelemetry.items import Happening, Item
from ingest.dialects.registry import register
from ingest.payload import check_text
from vigil.errors import BadEvent
from vigil.ids import event_uuid

EVENT_NAME = "event.name"


class Found(msgspec.Struct, frozen=True):
    """One call, read or refused, and the records it stands in."""

    event: WireEvent | BadEvent
    records: tuple[Any, ...]


@register
class Otlp(Dialect):
    """Traces. A payload without a call of a model is a dead letter of class `no_inference`, which stops nothing."""

    name: ClassVar[str] = "otlp"

    def decode(self, raw: bytes) -> Sequence[WireEvent | BadEvent]:
        return [found.event for found in _calls_of_spans(_form(raw), raw)]

    def parts(self, raw: bytes) -> Sequence[bytes]:
        form = _form(raw)
        return [form.cut_spans(found.records) for found in _calls_of_spans(form, raw)]


@register
class OtlpLogs(Dialect):
    """Logs."""

    name: ClassVar[str] = "otlp_logs"

    def decode(self, raw: bytes) -> Sequence[WireEvent | BadEvent]:
        return [found.event for found in _calls_of_logs(_form(raw), raw)]

    def parts(self, raw: bytes) -> Sequence[bytes]:
        form = _form(raw)
        return [form.cut_logs(found.records) for found in _calls_of_logs(form, raw)]


def _form(raw: bytes) -> ModuleType:
    """JSON starts with a brace, which in protobuf would be a field that OTLP does not have."""
    if raw.lstrip()[:1] == b"{":
        check_text(raw)
        return otlp_json
    return protobuf


def _calls_of_spans(form: ModuleType, raw: bytes) -> list[Found]:
    found = []
    for record in form.spans(raw):
        try:
            item = record.span()
            if is_call(item.attributes):
                found.append(Found(call(item), (record,)))
        except BadEvent as error:
            found.append(Found(error, (record,)))
    return _some(found, "spans")


def _calls_of_logs(form: ModuleType, raw: bytes) -> list[Found]:
    """Calls in the order of their first record."""
    found: list[Found | None] = []
    groups: dict[tuple[str, str], tuple[int, Item, list[Happening], list[Any]]] = {}
    for record in form.logs(raw):
        try:
            item, happening = record.log()
            name = happening.name or str(happening.attributes.get(EVENT_NAME, ""))
            happening = msgspec.structs.replace(happening, name=name)
            if name == gen_ai.DETAILS or (not gen_ai.is_event(name) and is_call(happening.attributes)):
                found.append(Found(call(_alone(item, happening)), (record,)))
            elif gen_ai.is_event(name):
                # Records of no span cannot be told to belong together.
                key = (item.trace_id, item.span_id) if item.span_id else ("", str(len(found)))
                if key not in groups:
                    groups[key] = (len(found), item, [happening], [record])
                    found.append(None)
                else:
                    groups[key][2].append(happening)
                    groups[key][3].append(record)
        except BadEvent as error:
            found.append(Found(error, (record,)))
    for place, item, happenings, records in groups.values():
        found[place] = Found(_event_of(item, happenings), tuple(records))
    return _some([entry for entry in found if entry is not None], "log records")


def _alone(item: Item, happening: Happening) -> Item:
    """A log record that is a whole call: what happens when it is written is the end of the call."""
    return msgspec.structs.replace(
        item,
        start_ns=happening.time_ns,
        failed="error.type" in happening.attributes,
        attributes={key: value for key, value in happening.attributes.items() if key != EVENT_NAME},
    )


def _event_of(item: Item, happenings: list[Happening]) -> WireEvent | BadEvent:
    """The messages of one span: content only, whose counts and model stand on the span.

    It gets an id of its own: under the span's, one of the two would replace the other.
    """
    first = min(happening.time_ns for happening in happenings)
    attributes: dict[str, Any] = {gen_ai.OPERATION: "chat"}
    for happening in happenings:
        attributes |= {
            key: value
            for key, value in happening.attributes.items()
            if key.startswith("gen_ai.") or key in ("user.id", "enduser.id", "session.id", "account_id", "org_id")
        }
    try:
        event = call(msgspec.structs.replace(item, start_ns=first, attributes=attributes, events=tuple(happenings)))
    except BadEvent as error:
        return error
    if not item.span_id:
        return event
    return msgspec.structs.replace(event, event_id=event_uuid("log records", item.trace_id, item.span_id, str(first)))


def _some(found: list[Found], what: str) -> list[Found]:
    if not found:
        raise BadEvent(
            "no_inference",
            f"none of the payload's {what} is a call of a model; keep them from this topic with the collector's filter"
            " processor (see docs/connect-collector.md)",
        )
    return found
