"""What may be posted where, and how a body is taken apart into one payload an event.

| path | body | dialect |
|---|---|---|
| `/v1/traces` | OTLP `ExportTraceServiceRequest`, protobuf or JSON | `otlp` |
| `/v1/logs` | OTLP `ExportLogsServiceRequest`, protobuf or JSON | `otlp_logs` |
| `/v1/litellm` | LiteLLM `generic_api`: an array (`json_array`), lines (`ndjson`) or one object (`single`) | `litellm` |
| `/v1/events` | canonical events: an array, lines or one object | `canonical` |

Each event becomes a Kafka record of its own, so that a record is one event and none is larger than it must be. What
cannot be read still becomes a record: ingest makes a dead letter of it, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ingest.attributes import RESERVED_PREFIX
from ingest.dialects import get_dialect
from ingest.receiver.refusal import Refusal
from vigil.errors import BadEvent

MAX_EVENTS = 20_000
"""Events of one request."""


@dataclass(frozen=True)
class Form:
    """What one path takes."""

    path: str
    dialect: str
    is_otlp: bool
    busy_status: int = 429
    """What a sender is told when too much is under way: the status that this kind of sender tries again after."""


FORMS = (
    Form("/v1/traces", "otlp", is_otlp=True),
    Form("/v1/logs", "otlp_logs", is_otlp=True),
    # LiteLLM tries again after 5xx only; after 429 it drops the batch.
    Form("/v1/litellm", "litellm", is_otlp=False, busy_status=503),
    Form("/v1/events", "canonical", is_otlp=False),
)

_array = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True)
class Refused:
    """An event that is not taken."""

    index: int
    reason: str


@dataclass(frozen=True)
class Batch:
    """What a request holds: payloads to write, and what is refused at the door."""

    payloads: Sequence[bytes]
    refused: Sequence[Refused]

    @property
    def left_out(self) -> bool:
        """Telemetry without a call of a model: taken, and nothing to do."""
        return not self.payloads and not self.refused


def take_apart(form: Form, body: bytes, *, max_event_bytes: int) -> Batch:
    """The events of a body. Raises Refusal when it is none of the form at all."""
    parts = _otlp_parts(form, body) if form.is_otlp else _json_parts(body)
    if len(parts) > MAX_EVENTS:
        raise Refusal(413, f"the request holds more than {MAX_EVENTS:,} events; send smaller batches")
    payloads: list[bytes] = []
    refused: list[Refused] = []
    for index, part in enumerate(parts):
        if len(part) > max_event_bytes:
            refused.append(Refused(index, f"the event has {len(part):,} bytes, at most {max_event_bytes:,} are taken"))
        elif (name := _reserved_name(form.dialect, part)) is not None:
            refused.append(
                Refused(
                    index,
                    f"the attribute {name[:64]!r} begins with {RESERVED_PREFIX!r}, which is vigil's own; rename it",
                )
            )
        else:
            payloads.append(part)
    return Batch(payloads, refused)


def _otlp_parts(form: Form, body: bytes) -> Sequence[bytes]:
    try:
        return get_dialect(form.dialect).parts(body)
    except BadEvent as error:
        if error.error_class == "no_inference":
            return ()
        raise Refusal(400, str(error)) from None


def _json_parts(body: bytes) -> Sequence[bytes]:
    """An array, lines, or one object; what is inside is read later, so that one bad event costs no other."""
    text = body.strip()
    if not text:
        raise Refusal(400, "the body is empty; send events")
    if text.startswith(b"["):
        try:
            return [bytes(part) for part in _array.decode(text)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Refusal(400, "the body is no valid JSON array; send an array, lines or one object") from None
    if not text.startswith(b"{"):
        raise Refusal(400, "the body is no JSON; send an array of objects, lines of objects or one object")
    if b"\n" not in text:
        return (text,)
    lines = [line for line in text.split(b"\n") if line and not line.isspace()]
    if _is_whole(lines[0]):
        return lines
    # One object, written over several lines.
    return (text,)


def _is_whole(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _reserved_name(dialect: str, part: bytes) -> str | None:
    if RESERVED_PREFIX.encode() not in part:
        return None
    try:
        events = get_dialect(dialect).decode(part)
    except BadEvent:
        return None
    for event in events:
        if not isinstance(event, BadEvent):
            for name in event.attributes or ():
                if name.startswith(RESERVED_PREFIX):
                    return name
    return None
