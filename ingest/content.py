"""The free text of an event, gathered for redaction in one go and put back in its places."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ingest.dialects.base import WireEvent
from ingest.enrich.redaction import redact_all
from vigil.event import Message

Input = str | tuple[Message, ...] | None


class FreeText(msgspec.Struct, frozen=True, gc=False):
    """All that people or senders wrote freely: content, and the metadata listed in `vigil.event`."""

    system: str | None
    input: Input
    output: str | None
    user_agent: str | None
    error_type: str | None
    finish_reasons: tuple[str, ...]
    tool_names: tuple[str, ...]
    attributes: dict[str, str]


def redacted(wire: WireEvent, attributes: dict[str, str]) -> FreeText:
    """The free text of `wire` (with its attributes as text) after redaction."""
    text = FreeText(
        wire.system,
        wire.input,
        wire.output,
        wire.user_agent,
        wire.error_type,
        wire.finish_reasons or (),
        wire.tool_names or (),
        attributes,
    )
    texts = _texts(text)
    if not texts:
        return text
    clean = redact_all(texts)
    return text if clean is texts else _put_back(text, iter(clean))


def _texts(text: FreeText) -> list[str]:
    """Every non-empty text, in the order in which `_put_back` takes them."""
    texts = [part for part in (text.system, text.output, text.user_agent, text.error_type) if part]
    if isinstance(text.input, str):
        texts.append(text.input)
    elif text.input:
        texts += [message.content for message in text.input if message.content]
    texts += text.finish_reasons
    texts += text.tool_names
    texts += text.attributes.values()
    return texts


def _put_back(text: FreeText, clean: Iterator[str]) -> FreeText:
    system, output, user_agent, error_type = (
        next(clean) if part else part for part in (text.system, text.output, text.user_agent, text.error_type)
    )
    content: Input = text.input
    if isinstance(content, str):
        content = next(clean)
    elif content:
        content = tuple(Message(message.role, next(clean)) if message.content else message for message in content)
    return FreeText(
        system,
        content,
        output,
        user_agent,
        error_type,
        tuple(next(clean) for _ in text.finish_reasons),
        tuple(next(clean) for _ in text.tool_names),
        {key: next(clean) for key in text.attributes},
    )
