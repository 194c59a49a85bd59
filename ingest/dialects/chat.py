"""Conversations as providers' APIs and telemetry conventions write them, read into messages.

| form | where |
|---|---|
| `{role, content: text}` | OpenAI chat, LiteLLM, OpenInference |
| `{role, content: [{type: text, text}, ...]}` | OpenAI and Anthropic content parts |
| `{role, parts: [{type: text, content}, {type: tool_call, name}, {type: tool_call_response, response}, {type: refusal, content}]}` | OpenTelemetry from 1.37 on |
| `{role, tool_calls: [{function: {name}}]}`, `{role, function_call: {name}}` | calls of tools |
| `{role, refusal: text}` | OpenAI: the model declined |

Whatever has another form is left out, never an error: telemetry comes from software of any age.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from vigil.event import Message

ROLES = {"developer": "system", "human": "user", "ai": "assistant", "model": "assistant", "function": "tool"}
"""Roles under other names."""

_TEXT_KEYS = ("text", "content", "refusal", "response", "result", "output", "value")
_TOOL_PARTS = frozenset({"tool_call", "tool_use", "function_call", "server_tool_call"})
_HIDDEN_PARTS = frozenset({"reasoning", "thinking", "redacted_thinking", "blob", "image_url", "image", "input_audio"})


class Turn(msgspec.Struct, frozen=True, gc=False):
    """One message: its text, the tools it calls, whether it is a refusal, how the answer ended."""

    role: str
    text: str | None
    tools: tuple[str, ...] = ()
    refused: bool = False
    finish_reason: str | None = None


def decoded(value: Any) -> Any:
    """A structure that was sent as JSON text, as senders do that cannot nest; anything else as it is.

    >>> decoded('[{"role": "user"}]')
    [{'role': 'user'}]
    """
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def turns(value: Any, role: str) -> tuple[Turn, ...]:
    """The messages of a conversation: a text, one message or a list of them. `role` is that of a text without one.

    >>> turns([{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}], "user")[0].text
    'Hi'
    """
    value = decoded(value)
    if isinstance(value, str):
        return (Turn(role, value),) if value else ()
    if isinstance(value, Mapping):
        # A whole request, or one message.
        inner = value.get("messages")
        return turns(inner, role) if isinstance(inner, list) else (_turn(value, role),)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return tuple(_turn(item, role) for item in value if isinstance(item, str | Mapping) and item)
    return ()


def messages(conversation: Sequence[Turn]) -> tuple[Message, ...]:
    """For `WireEvent.input`."""
    return tuple(Message(turn.role, turn.text) for turn in conversation)


def joined(conversation: Sequence[Turn]) -> str | None:
    """The texts of several answers (choices) as one."""
    return "\n\n".join(turn.text for turn in conversation if turn.text) or None


def as_text(value: Any) -> str | None:
    """Text, the texts of content parts, or a structure as JSON; None for nothing.

    >>> as_text([{"type": "text", "text": "a"}, {"type": "image_url"}, "b"])
    'a\\nb'
    """
    if value is None or value == "" or value == []:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(_part_texts(value)) or None
    return _json(value)


def _turn(message: str | Mapping[str, Any], role: str) -> Turn:
    if isinstance(message, str):
        return Turn(role, message)
    if isinstance(message.get("message"), Mapping):
        # A choice: the message with how it ended beside it.
        inner = _turn(message["message"], role)
        return Turn(inner.role, inner.text, inner.tools, inner.refused, _word(message.get("finish_reason")))
    named = _word(message.get("role")) or role
    refusal = message.get("refusal")
    content = message.get("parts")
    if content is None:
        content = message.get("content")
    text = as_text(content)
    if text is None and isinstance(refusal, str) and refusal:
        text = refusal
    return Turn(
        ROLES.get(named, named),
        text,
        tuple(_tools(message, content)),
        bool(refusal) or _has_refusal(content),
        _word(message.get("finish_reason")),
    )


def _part_texts(parts: Sequence[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, Mapping):
            kind = _word(part.get("type"))
            if kind in _TOOL_PARTS or kind in _HIDDEN_PARTS:
                continue
            for key in _TEXT_KEYS:
                value = part.get(key)
                if value not in (None, "", []):
                    text = value if isinstance(value, str) else _inner_text(value)
                    if text:
                        yield text
                    break


def _inner_text(value: Any) -> str | None:
    """A tool's result inside a part: parts again, one level deep, or a structure."""
    if isinstance(value, list) and all(
        isinstance(item, Mapping) and isinstance(item.get("text"), str) for item in value
    ):
        return "\n".join(item["text"] for item in value)
    return _json(value)


def _tools(message: Mapping[str, Any], content: Any) -> Iterator[str]:
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        for call in calls:
            if isinstance(call, Mapping):
                function = call.get("function")
                name = function.get("name") if isinstance(function, Mapping) else call.get("name")
                if isinstance(name, str) and name:
                    yield name
    single = message.get("function_call")
    if isinstance(single, Mapping) and isinstance(single.get("name"), str):
        yield single["name"]
    if isinstance(content, list):
        for part in content:
            if (
                isinstance(part, Mapping)
                and _word(part.get("type")) in _TOOL_PARTS
                and isinstance(part.get("name"), str)
            ):
                yield part["name"]


def _has_refusal(content: Any) -> bool:
    return isinstance(content, list) and any(
        isinstance(part, Mapping) and part.get("type") == "refusal" for part in content
    )


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _json(value: Any) -> str | None:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        return None
