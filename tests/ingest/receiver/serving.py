"""A running receiver for tests, over a sink in memory that can be told to fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ingest.dialects.received import Envelope, unwrap
from ingest.receiver.app import Receiver
from ingest.receiver.refusal import Refusal
from ingest.receiver.server import listen, make_server
from ingest.receiver.sink import Sink
from ingest.receiver.tokens import load_tokens
from vigil.settings import Settings

TOKEN = "acme-token-0123456789abcdef"
OTHER = "other-token-0123456789abcdef"


class MemorySink:
    """Keeps what is written; `gate` holds writers back until it is set."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.refusal: Refusal | None = None
        self.ready = True
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Semaphore(0)

    def write(self, values: Sequence[bytes]) -> None:
        self.waiting.release()
        assert self.gate.wait(30)
        if self.refusal is not None:
            raise self.refusal
        self.values += values

    def is_ready(self) -> bool:
        return self.ready

    def close(self) -> None:
        self.gate.set()

    def read(self) -> list[tuple[Envelope, bytes]]:
        """Envelope and payload of each record."""
        return [unwrap(value) for value in self.values]


def settings(**receive: Any) -> Settings:
    tokens = f"acme:{TOKEN},globex:{OTHER}"
    return Settings(workspace=Path("/nonexistent"), receive={"tokens": tokens, "port": 0, **receive})


@contextmanager
def running(sink: Sink, configured: Settings | None = None) -> Iterator[httpx.Client]:
    """A client of a running receiver, with a valid token."""
    configured = configured or settings()
    server = make_server(configured.receive, Receiver(configured, load_tokens(configured.receive), sink))
    with listen(configured.receive) as socket:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{socket.getsockname()[1]}"
        with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
            try:
                yield client
            finally:
                server.should_exit = True
                sink.close()
                thread.join(30)
    assert not thread.is_alive()
