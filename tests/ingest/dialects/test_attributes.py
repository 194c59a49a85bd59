"""Whatever is read stands in the list of names, and in the documentation; nothing stands there that is not read."""

from __future__ import annotations

from pathlib import Path

from ingest.dialects import litellm
from ingest.dialects.conventions import envoy, gen_ai, openinference, principals, traceloop
from ingest.dialects.conventions.table import Row
from tests.ingest.dialects import attributes as names

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "dialects.md"


def of(*tables: tuple[Row, ...]) -> set[str]:
    return {name for table in tables for row in table for name in row.attributes}


SPAN_ATTRIBUTES = (
    of(gen_ai.ROWS, openinference.ROWS, traceloop.ROWS, principals.ROWS)
    | {gen_ai.INPUT_MESSAGES, gen_ai.OUTPUT_MESSAGES, gen_ai.SYSTEM_INSTRUCTIONS, gen_ai.TOOL_RESULT, gen_ai.PROMPT}
    | {gen_ai.COMPLETION, gen_ai.PROMPT_EVENT, gen_ai.COMPLETION_EVENT, gen_ai.CHOICE_EVENT, gen_ai.EVENT_CONTENT}
    | {gen_ai.DETAILS, *gen_ai.MESSAGE_EVENTS, *gen_ai.MARKERS}
    | {openinference.INPUT_MESSAGES, openinference.OUTPUT_MESSAGES, openinference.PROMPTS, openinference.CHOICES}
    | {openinference.EMBEDDINGS, openinference.INPUT_VALUE, openinference.OUTPUT_VALUE, openinference.FIRST_TOKEN_EVENT}
    | {*openinference.INVOCATION, *traceloop.PROMPTS, *traceloop.COMPLETIONS, *traceloop.CHUNK_EVENTS}
    | {principals.PROPERTIES.rstrip("."), principals.METADATA, principals.SERVICE}
)
INSIDE = {
    "exception.type", "url.path", "message.role", "message.content", "message.contents", "message_content.text",
    "message.tool_calls", "tool_call.function.name", "embedding.text",
}  # fmt: skip
"""Read inside another one, or by the access log's table."""


def test_the_list_of_names_is_what_the_tables_read() -> None:
    listed = names.OPENTELEMETRY | names.OPENTELEMETRY_EVENTS | names.OPENINFERENCE | names.TRACELOOP | names.HISTORIC
    assert (listed | names.OURS) - INSIDE == SPAN_ATTRIBUTES
    assert of(envoy.ROWS) | {
        envoy.CODE, envoy.START, *envoy.PATHS, envoy.FORWARDED, envoy.REMOTE, envoy.FLAGS, envoy.DETAILS, "x-request-id",
    } == names.ENVOY  # fmt: skip


def test_the_list_of_litellms_keys_is_what_its_tables_read() -> None:
    source = Path(litellm.__file__).read_text()
    assert of(litellm.ROWS) | set(litellm.KEPT) <= names.LITELLM
    assert of(litellm.METADATA_ROWS) | set(litellm.KEPT_METADATA) <= names.LITELLM_METADATA
    for key in names.LITELLM | names.LITELLM_METADATA:
        assert f'"{key}"' in source, f"{key} is listed and not read"


def test_the_documentation_names_each_attribute_that_is_read() -> None:
    page = PAGE.read_text()
    shown = set(SPAN_ATTRIBUTES) - {*gen_ai.MESSAGE_EVENTS, gen_ai.EVENT_CONTENT, "traceloop.association.properties"}
    assert not [name for name in sorted(shown) if f"`{name}`" not in page and f"`{name}.N`" not in page]
