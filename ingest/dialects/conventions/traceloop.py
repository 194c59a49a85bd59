"""Traceloop / OpenLLMetry before it followed OpenTelemetry: `llm.*` attributes, and messages as one attribute a leaf.

Attributes: the rows of `ROWS` (most names are shared with `gen_ai`). What was said:

| field | read from |
|---|---|
| input | `gen_ai.prompt.N.{role,content}`, `llm.prompts.N.{role,content}` |
| output | `gen_ai.completion.N.{role,content,finish_reason}`, `llm.completions.N...` |
| tools called | `gen_ai.completion.N.tool_calls.M.name`, `...function_call.name` |
| time to first token | the first span event `gen_ai.content.completion.chunk` or `llm.content.completion.chunk` |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.dialects.chat import ROLES, Turn, as_text, decoded
from ingest.dialects.conventions.conversation import put_input, put_output
from ingest.dialects.conventions.table import Row, fill, indexed, names, number, text, whole

REQUEST_TYPE = "llm.request.type"
OPERATIONS = {"chat": "chat", "completion": "text_completion", "embedding": "embeddings", "rerank": "rerank"}


def _operation(kind: Any) -> str | None:
    return OPERATIONS.get(kind) if isinstance(kind, str) else None


ROWS = (
    Row("operation", (REQUEST_TYPE,), _operation),
    Row("provider", ("llm.vendor",), text),
    Row("request_model", ("llm.request.model",), text),
    Row("response_model", ("llm.response.model",), text),
    Row("input_tokens", ("llm.usage.prompt_tokens",), whole),
    Row("output_tokens", ("llm.usage.completion_tokens",), whole),
    Row("temperature", ("llm.temperature",), number),
    Row("finish_reasons", ("llm.response.finish_reason", "llm.response.stop_reason"), names),
)

PROMPTS = ("gen_ai.prompt", "llm.prompts")
COMPLETIONS = ("gen_ai.completion", "llm.completions")
CHUNK_EVENTS = ("gen_ai.content.completion.chunk", "llm.content.completion.chunk")


def is_call(attributes: Mapping[str, Any]) -> bool | None:
    """Whether the attributes are those of a call; None where this convention does not say."""
    return True if REQUEST_TYPE in attributes or "llm.request.model" in attributes else None


def read(fields: dict[str, Any], attributes: Mapping[str, Any], used: set[str]) -> None:
    """Fill what this convention knows."""
    fill(fields, ROWS, attributes, used)
    for prefix in PROMPTS:
        put_input(fields, _turns(attributes, prefix, "user", used))
    for prefix in COMPLETIONS:
        put_output(fields, _turns(attributes, prefix, "assistant", used))


def _turns(attributes: Mapping[str, Any], prefix: str, role: str, used: set[str]) -> tuple[Turn, ...]:
    return tuple(_turn(entry, role, used) for entry in indexed(attributes, prefix, used))


def _turn(entry: Mapping[str, Any], role: str, used: set[str]) -> Turn:
    named = text(entry.get("role")) or role
    calls = indexed(entry, "tool_calls", used)
    tools = [name for call in calls if (name := text(call.get("name")))]
    single = text(entry.get("function_call.name"))
    return Turn(
        ROLES.get(named, named),
        as_text(decoded(entry.get("content"))),
        tuple([*tools, single] if single else tools),
        finish_reason=text(entry.get("finish_reason")),
    )
