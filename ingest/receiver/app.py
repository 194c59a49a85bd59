"""The HTTP application. 2xx only after Kafka has acknowledged; everything else is a refusal that says what to do.

Bounded everywhere: requests under way, bytes of a body as sent and decompressed, bytes held by all of them together,
events of one request, seconds for the body and for Kafka.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import anyio
import anyio.to_thread
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ingest.dialects.received import Envelope, wrap
from ingest.receiver.answers import JSON, PROTOBUF, accepted, declined
from ingest.receiver.bodies import read_body
from ingest.receiver.forms import FORMS, Batch, Form, take_apart
from ingest.receiver.refusal import Refusal
from ingest.receiver.sink import Sink
from ingest.receiver.tokens import Sender, Tokens
from vigil import metrics
from vigil.settings import Settings

MAX_HELD_BYTES = 256 * 2**20
"""Of all bodies together."""

BUSY_RETRY_AFTER_S = 1
_CLOSED_BY_SENDER = 499
_SCHEME = "bearer "
_TYPES = {
    True: (PROTOBUF, JSON),
    False: (JSON, "application/x-ndjson", "application/jsonl", "application/json-lines", "text/plain"),
}
"""Content types by whether the form is OTLP's."""


class Receiver:
    """Handles requests; its state is what is under way."""

    def __init__(self, settings: Settings, tokens: Tokens, sink: Sink) -> None:
        self._settings = settings
        self._tokens = tokens
        self._sink = sink
        self._requests = 0
        self._held_bytes = 0
        # Of their own: readiness must be answered while all of them wait for Kafka.
        self._threads = anyio.CapacityLimiter(settings.receive.max_requests)
        self._stopping = False

    def application(self) -> Starlette:
        """As ASGI."""
        routes = [Route(form.path, self._endpoint(form), methods=["POST"]) for form in FORMS]
        routes += [
            Route("/livez", self._alive, methods=["GET"]),
            Route("/readyz", self._ready, methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
        ]
        return Starlette(routes=routes)

    def stop(self) -> None:
        """Say to load balancers that no more should be sent; what comes all the same is answered."""
        self._stopping = True

    def _endpoint(self, form: Form) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return await self._timed(form, request)

        return endpoint

    async def _timed(self, form: Form, request: Request) -> Response:
        """One request, timed whatever comes of it."""
        started_s = time.monotonic()
        content_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
        try:
            response = await self._receive(form, content_type, request)
        except Refusal as refusal:
            response = declined(form, content_type, refusal)
        except ClientDisconnect:
            response = declined(form, content_type, Refusal(_CLOSED_BY_SENDER, "the sender closed the connection"))
        metrics.RECEIVE_SECONDS.labels(form.dialect, str(response.status_code)).observe(time.monotonic() - started_s)
        return response

    async def _receive(self, form: Form, content_type: str, request: Request) -> Response:
        sender = self._sender(request)
        if content_type not in _TYPES[form.is_otlp]:
            raise Refusal(415, f"{form.path} takes {' or '.join(_TYPES[form.is_otlp])}")
        limits = self._settings.receive
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > limits.max_body_bytes:
            raise Refusal(413, f"the body has more than {limits.max_body_bytes:,} bytes; send smaller batches")
        if self._requests >= limits.max_requests:
            raise Refusal(form.busy_status, "too many requests at once; send again", retry_after_s=BUSY_RETRY_AFTER_S)
        self._requests += 1
        held = 0
        try:
            body = await read_body(request.stream(), request.headers.get("content-encoding", ""), limits)
            if self._held_bytes + len(body) > MAX_HELD_BYTES:
                raise Refusal(form.busy_status, "too much is under way; send again", retry_after_s=BUSY_RETRY_AFTER_S)
            held = len(body)
            self._held_bytes += held
            # In a thread: taking a body apart takes time, and waiting for Kafka blocks.
            batch = await anyio.to_thread.run_sync(self._store, form, sender, body, limiter=self._threads)
        finally:
            self._requests -= 1
            self._held_bytes -= held
        if batch.refused:
            metrics.REFUSED_EVENTS.labels(sender.tenant, form.dialect).inc(len(batch.refused))
            if not batch.payloads:
                first = batch.refused[0]
                raise Refusal(400, f"no event was taken; event {first.index}: {first.reason}")
        return accepted(form, content_type, len(batch.payloads), batch.refused)

    def _store(self, form: Form, sender: Sender, body: bytes) -> Batch:
        batch = take_apart(form, body, max_event_bytes=self._settings.ingest.max_event_bytes)
        if batch.left_out:
            metrics.LEFT_OUT_EVENTS.labels(sender.tenant, form.dialect).inc()
        elif batch.payloads:
            envelope = Envelope(sender.tenant, form.dialect, sender.source)
            self._sink.write([wrap(envelope, payload) for payload in batch.payloads])
            metrics.RECEIVED_EVENTS.labels(sender.tenant, form.dialect).inc(len(batch.payloads))
        return batch

    def _sender(self, request: Request) -> Sender:
        given = request.headers.get("authorization", "")
        if given[: len(_SCHEME)].lower() == _SCHEME:
            sender = self._tokens.sender(given[len(_SCHEME) :].strip())
            if sender is not None:
                return sender
        raise Refusal(401, "send a valid token as `Authorization: Bearer TOKEN`")

    async def _alive(self, _: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def _ready(self, _: Request) -> Response:
        if self._stopping:
            return PlainTextResponse("stopping\n", 503)
        if not await run_in_threadpool(self._sink.is_ready):
            return PlainTextResponse("Kafka does not answer\n", 503)
        return PlainTextResponse("ready\n")

    async def _metrics(self, _: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
