"""OpenInference (Arize Phoenix and others): `openinference.span.kind` says what a span is.

Attributes: the rows of `ROWS`. What was said comes as one attribute a leaf:

| field | read from |
|---|---|
| input | `llm.input_messages.N.message.{role,content}`, `...message.contents.N.message_content.text`; `llm.prompts.N.prompt.text`; `embedding.embeddings.N.embedding.text`; else `input.value` |
| output | `llm.output_messages.N.message...`; `llm.choices.N.completion.text`; else `output.value` |
| tools called | `...message.tool_calls.N.tool_call.function.name` |
| response id, refusal | `output.value`, where it is the provider's response in JSON |
| temperature, request model, end user | `llm.invocation_parameters` (JSON): `temperature`, `model`, `user` |
| time to first token | the span event `First Token Stream Event` |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.dialects.chat import Turn, as_text, decoded, turns
from ingest.dialects.conventions.conversation import put_input, put_output
from ingest.dialects.conventions.gen_ai import CACHE_CREATION
from ingest.dialects.conventions.table import Row, amount, fill, indexed, names, number, text, whole
from vigil.event import Message

KIND = "openinference.span.kind"
CALLS = {"LLM": "chat", "EMBEDDING": "embeddings", "TOOL": "execute_tool"}
"""Kinds of spans that are calls, and the operation they are."""


def _operation(kind: Any) -> str | None:
    return CALLS.get(kind) if isinstance(kind, str) else None


ROWS = (
    Row("operation", (KIND,), _operation),
    Row("provider", ("llm.provider", "llm.system"), text),
    Row("request_model", ("llm.request.model_name", "embedding.model_name"), text),
    Row("response_model", ("llm.response.model_name", "llm.model_name"), text),
    Row("input_tokens", ("llm.token_count.prompt",), whole),
    Row("output_tokens", ("llm.token_count.completion",), whole),
    Row(
        "cache_read_tokens",
        ("llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_input"),
        whole,
    ),
    Row(CACHE_CREATION, ("llm.token_count.prompt_details.cache_write",), whole),
    Row("reasoning_tokens", ("llm.token_count.completion_details.reasoning",), whole),
    Row("cost_usd", ("llm.cost.total",), amount),
    Row("finish_reasons", ("llm.finish_reason",), names),
    Row("tool_names", ("tool.name",), names),
)

INVOCATION = ("llm.invocation_parameters", "embedding.invocation_parameters")
INVOCATION_ROWS = (
    Row("temperature", ("temperature",), number),
    Row("request_model", ("model",), text),
    Row("end_user_id", ("user",), text),
)
INPUT_MESSAGES = "llm.input_messages"
OUTPUT_MESSAGES = "llm.output_messages"
PROMPTS = "llm.prompts"
CHOICES = "llm.choices"
EMBEDDINGS = "embedding.embeddings"
INPUT_VALUE = "input.value"
OUTPUT_VALUE = "output.value"
FIRST_TOKEN_EVENT = "First Token Stream Event"  # noqa: S105 - the name of an event


def is_call(attributes: Mapping[str, Any]) -> bool | None:
    """Whether the attributes are those of a call; None where this convention does not say."""
    kind = attributes.get(KIND)
    return None if kind is None else _operation(kind) is not None


def read(fields: dict[str, Any], attributes: Mapping[str, Any], used: set[str]) -> None:
    """Fill what this convention knows."""
    if KIND not in attributes:
        return
    fill(fields, ROWS, attributes, used)
    for name in INVOCATION:
        parameters = decoded(attributes.get(name))
        if isinstance(parameters, Mapping):
            fill(fields, INVOCATION_ROWS, parameters, set())
    if "response_model" in fields:
        fields.setdefault("request_model", fields["response_model"])
    put_input(fields, _turns(attributes, INPUT_MESSAGES, "user", used))
    put_input(fields, _texts(attributes, PROMPTS, "prompt.text", "user", used))
    put_input(fields, _texts(attributes, EMBEDDINGS, "embedding.text", "user", used))
    put_output(fields, _turns(attributes, OUTPUT_MESSAGES, "assistant", used))
    put_output(fields, _texts(attributes, CHOICES, "completion.text", "assistant", used))
    response = decoded(attributes.get(OUTPUT_VALUE))
    if isinstance(response, Mapping):
        put_output(fields, turns(response.get("choices"), "assistant"))
        if isinstance(response.get("id"), str):
            fields.setdefault("response_id", response["id"])
    if fields.get("operation") == "execute_tool":
        result = as_text(response)
        if result is not None:
            fields.setdefault("input", (Message("tool", result),))
        return
    put_input(fields, turns(attributes.get(INPUT_VALUE), "user"))
    if isinstance(response, str) and response:
        fields.setdefault("output", response)


def _turns(attributes: Mapping[str, Any], prefix: str, role: str, used: set[str]) -> tuple[Turn, ...]:
    return tuple(_turn(message, role, used) for message in indexed(attributes, prefix, used))


def _turn(message: Mapping[str, Any], role: str, used: set[str]) -> Turn:
    content = message.get("message.content")
    parts = [part.get("message_content.text") for part in indexed(message, "message.contents", used)]
    calls = indexed(message, "message.tool_calls", used)
    tools = tuple(name for call in calls if (name := text(call.get("tool_call.function.name"))))
    said = content if content is not None else [part for part in parts if part]
    return Turn(text(message.get("message.role")) or role, as_text(said), tools)


def _texts(attributes: Mapping[str, Any], prefix: str, key: str, role: str, used: set[str]) -> tuple[Turn, ...]:
    found = (text(entry.get(key)) for entry in indexed(attributes, prefix, used))
    return tuple(Turn(role, said) for said in found if said)
