"""The demonstration's gateway and pager: receives signed webhooks, checks them, and holds calls to what they say."""

from __future__ import annotations

import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import msgspec

from enforcement.adapters.signature import HEADER, IDEMPOTENCY_HEADER, SignatureError, verify_signature
from jobs.demo.restrictions import Restriction, Restrictions
from simulator.calls import Event
from vigil.delivery import Delivery
from vigil.effect import EffectKind

_MOST_BYTES = 256 * 1024


class Page(msgspec.Struct, frozen=True):
    """What the pager received."""

    receiver: str
    severity: str
    title: str
    text: str
    link: str


class Gateway:
    """An HTTP server on 127.0.0.1: effects at /effects, pages at /pages; `admit` is the way of every played call.

    Answers 401 to a wrong signature, 400 to a body it does not understand, and takes each idempotency key once.
    """

    def __init__(self, *, secret: str) -> None:
        self.secret = secret
        self.pages: list[Page] = []
        self.received = 0
        self.rejected = 0
        self._restrictions = Restrictions()
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it listens; valid once entered."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def restricted(self) -> int:
        """How many principals are restricted."""
        with self._lock:
            return len(self._restrictions.principals)

    def admit(self, event: Event, at: datetime) -> Event:
        """The call as it went."""
        with self._lock:
            return self._restrictions.admit(event, at)

    def receive(self, path: str, body: bytes, signature: str | None, key: str | None) -> int:
        """Take one webhook; returns the HTTP status that answers it."""
        try:
            verify_signature(self.secret, body, signature)
        except SignatureError:
            self.rejected += 1
            return 401
        try:
            with self._lock:
                if key is None:
                    return 400
                if key not in self._seen:
                    self._take(path, body)
                    self._seen.add(key)
                    self.received += 1
        except (msgspec.DecodeError, LookupError):
            return 400
        return 204

    def _take(self, path: str, body: bytes) -> None:
        if path == "/pages":
            self.pages.append(msgspec.json.decode(body, type=Page))
        elif path == "/effects":
            self._apply(msgspec.json.decode(body, type=Delivery))
        else:
            raise LookupError(path)

    def _apply(self, delivery: Delivery) -> None:
        target = delivery.target
        principal = (target.tenant_id, target.type, target.id)
        if delivery.effect is EffectKind.LIFT:
            self._restrictions.lift(principal, EffectKind(delivery.parameters["effect"]))
        elif delivery.effect.restricts:
            rpm = delivery.parameters.get("rpm")
            self._restrictions.impose(principal, Restriction(delivery.effect, delivery.at, delivery.expires_at, rpm))

    def __enter__(self) -> Gateway:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, name="gateway", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()


def _handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > _MOST_BYTES:
                self._answer(413)
                return
            body = self.rfile.read(int(length))
            headers = self.headers
            self._answer(gateway.receive(self.path, body, headers.get(HEADER), headers.get(IDEMPOTENCY_HEADER)))

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: the demonstration has a display of its own."""

    return Handler
