"""A real HTTP server on this machine that behaves as badly as it is told to."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Gateway:
    """What the server received, and how it answers next."""

    url: str = ""
    behave: Callable[[BaseHTTPRequestHandler], None] = field(default=lambda handler: answer(handler, 200))
    received: list[Received] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over: whoever waits goes on."""


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Close with RST instead of an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


@contextmanager
def running_gateway() -> Iterator[Gateway]:
    gateway = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            gateway.received.append(Received(self.path, dict(self.headers.items()), body))
            try:
                gateway.behave(self)
            except OSError:
                self.close_connection = True  # the client has hung up, as it should

        def do_GET(self) -> None:
            gateway.received.append(Received(self.path, dict(self.headers.items()), b""))
            try:
                gateway.behave(self)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a connection that was reset on purpose

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    gateway.url = f"http://127.0.0.1:{server.server_address[1]}/effects"
    try:
        yield gateway
    finally:
        gateway.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
