"""OpenTelemetry's GenAI conventions, all three generations.

Attributes: the rows of `ROWS`; names that changed stand side by side, the newer one first.
What was said, newest first:

| generation | input | output | system |
|---|---|---|---|
| from 1.37 | attribute `gen_ai.input.messages` | `gen_ai.output.messages` | `gen_ai.system_instructions` |
| from 1.37, as an event | the same attributes on `gen_ai.client.inference.operation.details` | | |
| 1.28 to 1.36 | events `gen_ai.system.message`, `gen_ai.user.message`, `gen_ai.assistant.message`, `gen_ai.tool.message` | event `gen_ai.choice` | |
| up to 1.27 | attribute `gen_ai.prompt`, on the span or its event `gen_ai.content.prompt` | `gen_ai.completion`, `gen_ai.content.completion` | |

Events are log records or events of the span; their content is the body, the attribute `gen_ai.event.content` (JSON), or
attributes of the event. A tool's execution carries `gen_ai.tool.call.result`, which is untrusted content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingest.dialects.chat import Turn, as_text, decoded, turns
from ingest.dialects.conventions.conversation import put_input, put_output
from ingest.dialects.conventions.table import Row, fill, milliseconds, names, number, text, whole
from ingest.dialects.opentelemetry.items import Happening
from vigil.event import Message

OPERATION = "gen_ai.operation.name"
DETAILS = "gen_ai.client.inference.operation.details"
CACHE_CREATION = "cache_creation_tokens"
"""Not a field of the event: only needed to count the input."""

ROWS = (
    Row("operation", (OPERATION,), text),
    Row("provider", ("gen_ai.provider.name", "gen_ai.system"), text),
    Row("request_model", ("gen_ai.request.model",), text),
    Row("response_model", ("gen_ai.response.model",), text),
    Row("response_id", ("gen_ai.response.id",), text),
    Row("input_tokens", ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"), whole),
    Row("output_tokens", ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"), whole),
    Row("cache_read_tokens", ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"), whole),
    Row(
        CACHE_CREATION, ("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens"), whole
    ),
    Row("reasoning_tokens", ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"), whole),
    Row(
        "finish_reasons",
        ("gen_ai.response.finish_reasons", "gen_ai.response.finish_reason", "gen_ai.response.stop_reason"),
        names,
    ),
    Row("temperature", ("gen_ai.request.temperature",), number),
    Row("ttft_ms", ("gen_ai.response.time_to_first_chunk",), milliseconds),
    Row("error_type", ("error.type",), text),
    Row("tool_names", ("gen_ai.tool.name",), names),
)

INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
TOOL_RESULT = "gen_ai.tool.call.result"
PROMPT = "gen_ai.prompt"
COMPLETION = "gen_ai.completion"
PROMPT_EVENT = "gen_ai.content.prompt"
COMPLETION_EVENT = "gen_ai.content.completion"
CHOICE_EVENT = "gen_ai.choice"
EVENT_CONTENT = "gen_ai.event.content"

MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
"""Event → role of the message that it is."""

WRAPPERS = frozenset({"invoke_agent", "create_agent", "invoke_workflow", "plan"})
"""Operations around calls of a model: their calls are spans of their own, with the same tokens once more."""

MARKERS = ("gen_ai.request.model", "gen_ai.response.model", "gen_ai.system", "gen_ai.provider.name")
"""Without an operation, any of these says that a model was called."""


def is_call(attributes: Mapping[str, Any]) -> bool | None:
    """Whether the attributes are those of a call; None where this convention does not say."""
    operation = attributes.get(OPERATION)
    if operation is not None:
        return not (isinstance(operation, str) and operation in WRAPPERS)
    return True if any(marker in attributes for marker in MARKERS) else None


def is_event(name: str) -> bool:
    """Whether a log record of that name is part of a call."""
    return name in MESSAGE_EVENTS or name in (CHOICE_EVENT, DETAILS, PROMPT_EVENT, COMPLETION_EVENT)


def read(fields: dict[str, Any], attributes: Mapping[str, Any], events: Sequence[Happening], used: set[str]) -> None:
    """Fill what this convention knows."""
    fill(fields, ROWS, attributes, used)
    system = as_text(decoded(attributes.get(SYSTEM_INSTRUCTIONS)))
    if system is not None:
        fields.setdefault("system", system)
    put_input(fields, turns(attributes.get(INPUT_MESSAGES), "user"))
    put_output(fields, turns(attributes.get(OUTPUT_MESSAGES), "assistant"))
    _read_events(fields, events)
    put_input(fields, turns(attributes.get(PROMPT), "user"))
    put_output(fields, turns(attributes.get(COMPLETION), "assistant"))
    result = as_text(decoded(attributes.get(TOOL_RESULT)))
    if result is not None:
        fields.setdefault("input", (Message("tool", result),))


def _read_events(fields: dict[str, Any], events: Sequence[Happening]) -> None:
    said: list[Turn] = []
    answers: list[Turn] = []
    for event in events:
        role = MESSAGE_EVENTS.get(event.name)
        if role is not None:
            said += turns(_content(event), role)
        elif event.name == CHOICE_EVENT:
            answers += turns(_content(event), "assistant")
        elif event.name == PROMPT_EVENT:
            said += turns(event.attributes.get(PROMPT), "user")
        elif event.name == COMPLETION_EVENT:
            answers += turns(event.attributes.get(COMPLETION), "assistant")
    put_input(fields, said)
    put_output(fields, answers)


def _content(event: Happening) -> Any:
    """What a message event says, with the role that its name gives where the content names none."""
    content = event.body
    if content is None:
        content = decoded(event.attributes.get(EVENT_CONTENT))
    if content is None:
        content = {key: decoded(value) for key, value in event.attributes.items() if not key.startswith("gen_ai.")}
    return content if content != {} else None
