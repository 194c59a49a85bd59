"""The receiver: who may send, what is taken, and that nothing is acknowledged before it is stored."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from ingest.outcome import Accepted
from ingest.receiver.refusal import Refusal
from tests.ingest.dialects.payloads import as_json, litellm_calls, log, recorded, span, together
from tests.ingest.events import ORIGIN, event, pipeline, raw
from tests.ingest.receiver.serving import OTHER, MemorySink, running, settings

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def client(sink: MemorySink) -> Iterator[httpx.Client]:
    with running(sink) as running_client:
        yield running_client


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/litellm", "/v1/events"])
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong-token-0123456789abcdef", "Basic abc", "Bearer \xff"]
)
def test_without_a_valid_token_nothing_is_taken(
    client: httpx.Client, sink: MemorySink, path: str, header: str | None
) -> None:
    del client.headers["Authorization"]
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    response = client.post(path, content=raw(), headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert sink.values == []


def test_the_token_decides_the_tenant_and_the_payload_does_not(client: httpx.Client, sink: MemorySink) -> None:
    client.post("/v1/events", json=event(tenant_id="globex"), headers={"Authorization": f"Bearer {OTHER}"})
    client.post("/v1/events", json=event(tenant_id="globex"))
    tenants = []
    for value in sink.values:
        (outcome,) = pipeline().accept(value, ORIGIN, "received")
        assert isinstance(outcome, Accepted)
        tenants.append(outcome.event.tenant_id)
    assert tenants == ["globex", "acme"]


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (json.dumps(event()), 1),
        (json.dumps(event(), indent=2), 1),
        (json.dumps([event(), event()]), 2),
        (json.dumps(event()) + "\n" + json.dumps(event()) + "\n", 2),
        ("[]", 0),
    ],
)  # fmt: skip
def test_canonical_events_come_as_one_object_an_array_or_lines(
    client: httpx.Client, sink: MemorySink, body: str, count: int
) -> None:
    response = client.post("/v1/events", content=body, headers=JSON)
    assert response.status_code == 200
    assert response.json() == {"accepted": count, "refused": 0, "reasons": []}
    assert [envelope.dialect for envelope, _ in sink.read()] == ["canonical"] * count


@pytest.mark.parametrize("form", ["json_array", "ndjson", "single"])
def test_litellm_posts_in_three_forms(client: httpx.Client, sink: MemorySink, form: str) -> None:
    calls = litellm_calls()
    bodies = {
        "json_array": [json.dumps(calls)],
        "ndjson": ["\n".join(json.dumps(call) for call in calls)],
        "single": [json.dumps(call) for call in calls],
    }[form]
    for body in bodies:
        assert client.post("/v1/litellm", content=body, headers=JSON).status_code == 200
    assert [json.loads(payload)["id"] for _, payload in sink.read()] == [call["id"] for call in calls]


@pytest.mark.parametrize("form", ["protobuf", "json"])
@pytest.mark.parametrize("packed", [False, True])
def test_traces_are_taken_apart_into_one_record_a_call(
    client: httpx.Client, sink: MemorySink, form: str, packed: bool
) -> None:
    body = recorded("openinference_traces.bin")
    headers = dict(PROTOBUF)
    if form == "json":
        body, headers = as_json(body, TracesData), dict(JSON)
    if packed:
        body = gzip.compress(body)
        headers["Content-Encoding"] = "gzip"
    response = client.post("/v1/traces", content=body, headers=headers)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == headers["Content-Type"]
    if form == "protobuf":
        assert not ExportTraceServiceResponse.FromString(response.content).HasField("partial_success")
    else:
        assert response.json() == {}
    assert len(sink.values) == 6
    for envelope, payload in sink.read():
        (outcome,) = pipeline(max_future_minutes=10**6).accept(payload, ORIGIN, envelope.dialect)
        assert isinstance(outcome, Accepted)


def test_logs_are_taken_apart_into_one_record_a_span(client: httpx.Client, sink: MemorySink) -> None:
    response = client.post("/v1/logs", content=recorded("openai_v2_logs.bin"), headers=PROTOBUF)
    assert response.status_code == 200
    assert not ExportLogsServiceResponse.FromString(response.content).HasField("partial_success")
    assert [envelope.dialect for envelope, _ in sink.read()] == ["otlp_logs"] * 5


def test_telemetry_of_other_work_is_acknowledged_and_left_out(client: httpx.Client, sink: MemorySink) -> None:
    body = span({"http.request.method": "GET"}).SerializeToString()
    assert client.post("/v1/traces", content=body, headers=PROTOBUF).status_code == 200
    assert (
        client.post("/v1/logs", content=log("started", "up").SerializeToString(), headers=PROTOBUF).status_code == 200
    )
    assert sink.values == []


def test_a_bad_event_is_stored_for_ingest_to_make_a_dead_letter_of(client: httpx.Client, sink: MemorySink) -> None:
    assert client.post("/v1/events", content=b'[{"account_id": 7}, 5]', headers=JSON).status_code == 200
    assert [payload for _, payload in sink.read()] == [b'{"account_id": 7}', b"5"]


def test_reserved_names_are_refused_and_the_others_are_taken(client: httpx.Client, sink: MemorySink) -> None:
    bad = event(attributes={"vigil.cut": "faked"})
    response = client.post("/v1/events", json=[event(), bad, event(**{"vigil.tenant": "x"})])
    assert response.status_code == 200
    assert (response.json()["accepted"], response.json()["refused"]) == (1, 2)
    assert "vigil.cut" in response.json()["reasons"][0]["reason"]
    assert client.post("/v1/events", json=bad).status_code == 400
    said = event(input="what does vigil. mean?", output="vigil.cut is an attribute")
    assert client.post("/v1/events", json=said).status_code == 200, "the name may be spoken of"
    traces = together(span(CALL, number=1), span({**CALL, "vigil.x": "y"}, number=2))
    answer = client.post("/v1/traces", content=traces, headers=PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (partial.rejected_spans, "vigil.x" in partial.error_message) == (1, True)
    assert len(sink.values) == 3


def test_nothing_is_acknowledged_before_it_is_stored(client: httpx.Client, sink: MemorySink) -> None:
    sink.gate.clear()
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(client.post("/v1/events", json=event())))
    thread.start()
    assert sink.waiting.acquire(timeout=30)
    assert answers == []
    assert client.get("/livez").status_code == 200, "alive while it waits"
    sink.gate.set()
    thread.join(30)
    assert [answer.status_code for answer in answers] == [200]


@pytest.mark.parametrize(("path", "headers"), [("/v1/events", JSON), ("/v1/traces", PROTOBUF), ("/v1/traces", JSON)])
def test_when_kafka_is_away_the_sender_is_told_when_to_try_again(client: httpx.Client, sink: MemorySink, path: str, headers: dict[str, str]) -> None:  # fmt: skip
    sink.refusal = Refusal(503, "Kafka has not acknowledged", retry_after_s=5)
    body = raw() if path == "/v1/events" else span(CALL).SerializeToString()
    if headers is JSON and path == "/v1/traces":
        body = as_json(body, TracesData)
    response = client.post(path, content=body, headers=headers)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert b"Kafka" in response.content


def test_more_requests_than_it_works_on_at_once_are_asked_to_come_again(sink: MemorySink) -> None:
    with running(sink, settings(max_requests=1)) as client:
        sink.gate.clear()
        first = threading.Thread(target=lambda: client.post("/v1/events", json=event()))
        first.start()
        assert sink.waiting.acquire(timeout=30)
        response = client.post("/v1/events", json=event())
        assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
        response = client.post("/v1/litellm", json=litellm_calls()[0])
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1"), "LiteLLM drops what gets a 429"
        sink.gate.set()
        first.join(30)
        assert client.post("/v1/events", json=event()).status_code == 200


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * 2_000, JSON, 413),
        (gzip.compress(b"[" + b" " * 100_000 + b"]"), {**JSON, "Content-Encoding": "gzip"}, 413),
        (gzip.compress(b"[]") + gzip.compress(b" " * 20_000), {**JSON, "Content-Encoding": "gzip"}, 413),
        (b"no gzip", {**JSON, "Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"[]")[:-9], {**JSON, "Content-Encoding": "gzip"}, 400),
        (zlib.compress(b"[]"), {**JSON, "Content-Encoding": "deflate"}, 415),
        (b"[]", {"Content-Type": "application/xml"}, 415),
        (b"", JSON, 400),
        (b"hello", JSON, 400),
        (b"[{]", JSON, 400),
        (b"[" * 900, JSON, 400),
    ],
)
def test_bodies_have_limits_and_a_form(sink: MemorySink, body: bytes, headers: dict[str, str], status: int) -> None:
    with running(sink, settings(max_body_bytes=1_000, max_decompressed_bytes=10_000)) as client:
        response = client.post("/v1/events", content=body, headers=headers)
    assert response.status_code == status
    assert len(response.json()["message"]) > 10
    assert sink.values == []


def test_a_body_of_unknown_length_is_counted_while_it_arrives(sink: MemorySink) -> None:
    with running(sink, settings(max_body_bytes=1_000)) as client:
        response = client.post("/v1/events", content=iter([b"x" * 600, b"x" * 600]), headers=JSON)
    assert response.status_code == 413


def test_a_body_that_does_not_arrive_is_not_waited_for(sink: MemorySink) -> None:
    with running(sink, settings(body_timeout_s=0.2)) as client:
        host, port = client.base_url.host, client.base_url.port
        with socket.create_connection((host, port), timeout=30) as slow:
            head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nAuthorization: {client.headers['Authorization']}\r\n\r\n"
            slow.sendall(head.encode() + b"[")
            assert b" 408 " in slow.recv(100)


def test_an_event_larger_than_ingest_takes_is_refused_by_name(sink: MemorySink) -> None:
    configured = settings().model_copy(
        update={"ingest": settings().ingest.model_copy(update={"max_event_bytes": 2_000})}
    )
    with running(sink, configured) as client:
        response = client.post("/v1/events", json=[event(), event(output="x" * 3_000)])
    assert (response.json()["accepted"], response.json()["reasons"][0]["index"]) == (1, 1)


def test_traces_in_the_wrong_place_are_refused(client: httpx.Client) -> None:
    response = client.post("/v1/traces", content=b'{"resourceLogs": []}', headers=JSON)
    assert response.status_code == 400
    broken = client.post("/v1/traces", content=b"\x00\x01", headers=PROTOBUF)
    assert (broken.status_code, broken.headers["Content-Type"]) == (400, "application/x-protobuf")
    assert broken.content.startswith(b"\x08\x03\x12"), "a google.rpc.Status of code INVALID_ARGUMENT"


def test_readiness_is_that_of_kafka_and_metrics_name_what_came(client: httpx.Client, sink: MemorySink) -> None:
    assert client.get("/readyz").status_code == 200
    sink.ready = False
    assert client.get("/readyz").status_code == 503
    assert client.get("/livez").status_code == 200
    client.post("/v1/events", json=event())
    shown = client.get("/metrics").text
    assert 'vigil_receive_events_total{form="canonical",tenant="acme"}' in shown
    assert 'vigil_receive_request_seconds_count{form="canonical",status="200"}' in shown


def test_what_is_under_way_is_answered_when_it_stops() -> None:
    sink = MemorySink()
    answers: list[Any] = []
    with running(sink) as client:
        sink.gate.clear()
        thread = threading.Thread(target=lambda: answers.append(client.post("/v1/events", json=event()).status_code))
        thread.start()
        assert sink.waiting.acquire(timeout=30)
        release = threading.Timer(0.3, sink.gate.set)
        release.start()
        thread.join(30)
    assert answers == [200]
    assert len(sink.values) == 1
