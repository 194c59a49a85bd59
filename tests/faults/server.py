"""The rule-keeping gateway behind HTTP, for processes of their own: signed posts in, what is in force out."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import msgspec

from enforcement.adapters.signature import HEADER, IDEMPOTENCY_HEADER, verify_signature
from tests.faults.gateway import RuleKeepingGateway
from vigil.delivery import Delivery


class FaultyServer:
    """Misbehaves in a share of its answers; counts how. Pages and effects arrive at the same gateway."""

    def __init__(self, gateway: RuleKeepingGateway, secret: str, seed: int) -> None:
        self.gateway = gateway
        self.secret = secret
        self.share = 0.0
        self.injected: Counter[str] = Counter()
        self.url = ""
        self.released = threading.Event()
        self._randomness = random.Random(seed)
        self._lock = threading.Lock()

    def fault(self) -> str | None:
        """What goes wrong with the next answer; None: nothing."""
        with self._lock:
            if self._randomness.random() >= self.share:
                return None
            name = self._randomness.choice(
                ["401", "403", "404", "409", "429", "500", "503", "reset", "silent", "drip", "late 503", "late 404"]
            )
            self.injected[name] += 1
            return name


@contextmanager
def running(faulty: FaultyServer) -> Iterator[FaultyServer]:
    """The server, listening on this machine until the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            verify_signature(faulty.secret, body, self.headers.get(HEADER))
            fault = faulty.fault()
            if fault is None or fault.startswith("late") or fault in ("reset", "silent", "drip"):
                if urlsplit(self.path).path == "/effects":
                    faulty.gateway.take(msgspec.json.decode(body, type=Delivery))
                else:
                    faulty.gateway.note_page(self.headers[IDEMPOTENCY_HEADER])
            try:
                self._reply(fault)
            except OSError:
                self.close_connection = True  # whoever asked was killed, or has hung up

        def do_GET(self) -> None:
            query = urlsplit(self.path).query
            verify_signature(faulty.secret, query.encode(), self.headers.get(HEADER))
            action_id = parse_qs(query).get("action_id", [None])[0]
            self._send(200, msgspec.json.encode({"in_force": faulty.gateway.state(action_id)}))

        def _reply(self, fault: str | None) -> None:
            if fault == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            elif fault in ("silent", "drip"):
                if fault == "drip":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not faulty.released.wait(0.1):
                    if fault == "drip":
                        self.wfile.write(b"x")
                        self.wfile.flush()
            else:
                self._send(200 if fault is None else int(fault[-3:]), b"{}")

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that was killed

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    faulty.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield faulty
    finally:
        faulty.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
