"""The access log of Envoy AI Gateway: one JSON object a line.

Which key fills which field stands in `ingest.dialects.conventions.envoy`, the principals' in `.principals`. An access
log has no content. Envoy writes nothing of the account by itself: log the header in which your gateway carries it, as
`account_id` (see docs/connect-envoy.md). Without one the client's address prefix cannot stand for it, so the event is
refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from ingest.dialects.base import Dialect, WireEvent
from ingest.dialects.conventions import envoy, gen_ai, principals
from ingest.dialects.conventions.calls import wire_event
from ingest.dialects.conventions.tokens import with_cached
from ingest.dialects.explain import explain
from ingest.dialects.registry import register
from ingest.payload import check_text
from vigil.errors import BadEvent
from vigil.ids import event_uuid

MODEL_KEYS = ("gen_ai.request.model", "genai_model_name", "gen_ai.usage.input_tokens", "genai_tokens_input")
REQUEST_ID = "x-request-id"

_object = msgspec.json.Decoder(dict[str, Any])


@register
class Envoy(Dialect):
    """A line about another route (health checks, static files) names no model: class `no_inference`."""

    name: ClassVar[str] = "envoy"

    def decode(self, raw: bytes) -> Sequence[WireEvent | BadEvent]:
        check_text(raw)
        try:
            line = _object.decode(raw)
        except msgspec.DecodeError as error:
            raise explain(error) from None
        # Envoy writes a dash, or null, for what it does not know.
        known = {key: value for key, value in line.items() if value not in (None, "-", "")}
        if not any(key in known for key in MODEL_KEYS):
            raise BadEvent(
                "no_inference",
                "the line names no model; log x-ai-eg-model as gen_ai.request.model, and only the routes of models"
                " (see docs/connect-envoy.md)",
            )
        return (_event(known),)


def _event(line: dict[str, Any]) -> WireEvent:
    fields: dict[str, Any] = {}
    used: set[str] = set()
    envoy.read(fields, line, used)
    principals.read(fields, line, {}, used)
    creation = fields.pop(gen_ai.CACHE_CREATION, None)
    fields["input_tokens"] = with_cached(fields.get("input_tokens"), fields.get("cache_read_tokens"), creation)
    request_id = line.get(REQUEST_ID)
    if isinstance(request_id, str):
        fields["event_id"] = event_uuid("envoy", request_id, str(line.get(envoy.START)))
    fields["attributes"] = {key: value for key, value in line.items() if key not in used}
    return wire_event(fields)
