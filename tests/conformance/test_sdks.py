"""Real instrumentations of the OpenAI client, through the receiver, into events.

The environment of each is the block of docs/connect-sdk.md, so what people copy is what runs here.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from ingest.dialects.received import unwrap
from ingest.outcome import Accepted
from tests.conformance.openai_server import OpenAIServer
from tests.ingest.events import ORIGIN, pipeline
from tests.ingest.receiver.serving import MemorySink, running, settings
from vigil.clock import SystemClock
from vigil.event import InferenceEvent, Message, Status

pytestmark = pytest.mark.timeout(600)
"""The first time the emitters are installed, and on a busy machine a proxy takes minutes to come up."""

SCRIPT = Path(__file__).parent / "sdk.py"
PAGE = Path(__file__).parent.parent.parent / "docs" / "connect-sdk.md"
TIMEOUT_S = 240

ON_SPANS = {
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
}
IN_EVENTS = {**ON_SPANS, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "EVENT_ONLY", "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT": "true"}  # fmt: skip
VARIANTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "openai_v2": (
        "openai_v2",
        {"OTEL_SEMCONV_STABILITY_OPT_IN": "", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"},
    ),
    "openai_v2_on_spans": ("openai_v2", ON_SPANS),
    "openai_v2_in_events": ("openai_v2", IN_EVENTS),
    "traceloop": ("traceloop", {}),
    "openinference": ("openinference", {}),
}


# A span whose messages leave in two payloads is two events (docs/dialects.md); on a slow machine the default delay of a
# second cuts through one. Sent at the program's end, each payload is whole.
AT_THE_END = {"OTEL_BLRP_SCHEDULE_DELAY": "600000"}


def token(variant: str) -> str:
    """Each variant sends as a tenant of its own, so that they can run at the same time."""
    return f"token-of-{variant}-0123456789abcdef"


def documented(url: str, variant: str) -> dict[str, str]:
    """The environment that the page tells people to set, with the test's receiver and token in it."""
    block = re.search(r"```sh\n(export OTEL_EXPORTER_OTLP.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    pairs = re.findall(r'^export (\w+)="?([^"\n]*)"?$', block[1], re.MULTILINE)
    filled = {"http://127.0.0.1:4318": url, "$VIGIL_TOKEN": token(variant)}
    return {
        name: next((value.replace(old, new) for old, new in filled.items() if old in value), value)
        for name, value in pairs
    }


@pytest.fixture(scope="module")
def emitted(
    emitters: Path, openai_server: OpenAIServer, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, list[InferenceEvent]]]:
    """Variant → dialect → events."""
    folder = tmp_path_factory.mktemp("sdks")
    sink = MemorySink()
    tokens = ",".join(f"{variant}:{token(variant)}" for variant in VARIANTS)
    with running(sink, settings(tokens=tokens)) as client:
        programs = {}
        for variant, (instrumentation, chosen) in VARIANTS.items():
            environment = {
                **os.environ,
                **documented(str(client.base_url).rstrip("/"), variant),
                **AT_THE_END,
                **chosen,
            }
            with (folder / variant).open("wb") as log:
                command = [str(emitters), str(SCRIPT), instrumentation, openai_server.url]
                programs[variant] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        for variant, program in programs.items():
            assert program.wait(TIMEOUT_S) == 0, (folder / variant).read_text(errors="replace")[-2_000:]
    found: dict[str, dict[str, list[InferenceEvent]]] = {variant: {} for variant in VARIANTS}
    for value in sink.values:
        (outcome,) = pipeline(now=SystemClock().now()).accept(value, ORIGIN, "received")
        assert isinstance(outcome, Accepted), outcome
        found[outcome.event.tenant_id].setdefault(unwrap(value)[0].dialect, []).append(outcome.event)
    for by_dialect in found.values():
        for events in by_dialect.values():
            events.sort(key=lambda event: event.event_time)
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_call_arrives_once_with_what_the_instrumentation_knows(
    emitted: dict[str, dict[str, list[InferenceEvent]]], variant: str
) -> None:
    question, refusal, tools, stream, embedding, failure = emitted[variant]["otlp"]
    assert (question.source, question.environment, question.operation) == ("shop", "prod", "chat")
    assert (question.provider, question.request_model, question.response_model) == ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18")  # fmt: skip
    assert (question.input_tokens, question.output_tokens, question.temperature) == (20, 6, 0.2)
    assert question.finish_reasons == ("stop",)
    assert stream.input_tokens is None
    assert (embedding.operation, embedding.input_tokens) == ("embeddings", 4)
    assert (failure.status, failure.duration_ms is not None) == (Status.ERROR, True)
    assert tools.status is refusal.status is Status.OK


@pytest.mark.parametrize(
    ("variant", "dialect"),
    [("openai_v2", "otlp_logs"), ("openai_v2_on_spans", "otlp"), ("openai_v2_in_events", "otlp_logs"), ("traceloop", "otlp"), ("openinference", "otlp")],
)  # fmt: skip
def test_what_was_said_arrives_where_the_instrumentation_puts_it(
    emitted: dict[str, dict[str, list[InferenceEvent]]], variant: str, dialect: str
) -> None:
    question, refusal, tools, stream, failure = [e for e in emitted[variant][dialect] if e.operation == "chat"]
    assert question.input == (Message("system", "Be brief."), Message("user", "What is the tide table today?"))
    assert (question.output, question.language) == ("High water is at noon.", "en")
    assert isinstance(tools.input, tuple)
    assert [message.role for message in tools.input] == ["user", "assistant", "tool", "user"]
    assert tools.tool_names == ("get_tide",)
    assert stream.output == "High water."
    assert failure.input == (Message("user", "fails"),)
    if not variant.startswith("openai_v2"):
        assert refusal.refused is True, "openai-v2 drops the field in which OpenAI says so"
