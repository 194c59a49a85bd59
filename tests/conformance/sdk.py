"""Run in the emitters' environment: six calls through the real OpenAI client under one instrumentation.

Usage: sdk.py INSTRUMENTATION URL. Where telemetry goes and in which generation of the conventions says the environment
(OTEL_*), as in any program.
"""

# mypy: ignore-errors
# These packages are in the emitters' environment only.

from __future__ import annotations

import sys

import openai
from opentelemetry import _logs, trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

TOOL = {"type": "function", "function": {"name": "get_tide", "parameters": {"type": "object", "properties": {}}}}
CALLED = {"id": "call_0", "type": "function", "function": {"name": "get_tide", "arguments": "{}"}}


def instrument(name):
    if name == "openai_v2":
        from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
    elif name == "traceloop":
        from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    else:
        from openinference.instrumentation.openai import OpenAIInstrumentor
    OpenAIInstrumentor().instrument()


def calls(url):
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    chat = client.chat.completions.create
    question = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is the tide table today?"},
    ]
    chat(model="gpt-4o-mini", temperature=0.2, user="user-7", messages=question)
    chat(model="gpt-4o-mini", messages=[{"role": "user", "content": "please decline"}])
    conversation = [
        {"role": "user", "content": [{"type": "text", "text": "Tide in Brest?"}]},
        {"role": "assistant", "content": None, "tool_calls": [CALLED]},
        {"role": "tool", "tool_call_id": "call_0", "content": "noon"},
        {"role": "user", "content": "And Calais?"},
    ]
    chat(model="gpt-4o-mini", tools=[TOOL], messages=conversation)
    for _ in chat(model="gpt-4o-mini", stream=True, messages=[{"role": "user", "content": "stream please"}]):
        pass
    client.embeddings.create(model="text-embedding-3-small", input="hello")
    nowhere = openai.OpenAI(base_url="http://127.0.0.1:1/v1", api_key="none", max_retries=0)
    try:
        nowhere.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "fails"}])
    except openai.APIConnectionError:
        return
    raise SystemExit("a call to nowhere succeeded")


def main():
    resource = Resource.create({"service.name": "shop", "deployment.environment.name": "prod"})
    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(tracing)
    logging = LoggerProvider(resource=resource)
    logging.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    _logs.set_logger_provider(logging)
    instrument(sys.argv[1])
    calls(sys.argv[2])
    tracing.shutdown()
    logging.shutdown()


if __name__ == "__main__":
    main()
