"""Canonical JSON: one object an event, as the contract's section 1 describes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from ingest.dialects.base import Dialect, WireEvent
from ingest.dialects.explain import explain
from ingest.dialects.registry import register
from ingest.payload import check_text
from vigil.errors import BadEvent


class _Exact(WireEvent, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """An event of known keys only: nearly all of them."""


_exact = msgspec.json.Decoder(_Exact)
_lenient = msgspec.json.Decoder(WireEvent)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KNOWN = frozenset(WireEvent.__struct_fields__)


@register
class Canonical(Dialect):
    """One decode in native code; a second look only at events with keys the contract does not name."""

    name: ClassVar[str] = "canonical"

    def decode(self, raw: bytes) -> Sequence[WireEvent | BadEvent]:
        check_text(raw)
        try:
            return (_exact.decode(raw),)
        except msgspec.ValidationError as error:
            if not str(error).startswith("Object contains unknown field"):
                raise explain(error) from None
        except msgspec.DecodeError as error:
            raise explain(error) from None
        return (_with_unknown_keys(raw),)


def _with_unknown_keys(raw: bytes) -> WireEvent:
    """The event with every key the contract does not name moved to `attributes`; the sender's own ones come first."""
    try:
        event = _lenient.decode(raw)
        members = _members.decode(raw)
    except msgspec.DecodeError as error:
        raise explain(error) from None
    attributes: dict[str, Any] = dict(event.attributes or {})
    for key, value in members.items():
        if key not in _KNOWN:
            attributes[key if key not in attributes else f"event.{key}"] = _plain(bytes(value).strip())
    return msgspec.structs.replace(event, attributes=attributes)


def _plain(value: bytes) -> str | None:
    """A JSON value as text: a string without its quotes, everything else as it was written."""
    if value == b"null":
        return None
    if value.startswith(b'"'):
        text: str = msgspec.json.decode(value, type=str)
        return text
    return value.decode()
