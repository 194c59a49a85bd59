"""Where simulated events go: a file, standard output, or a Kafka topic."""

from __future__ import annotations

import gzip
import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

import msgspec
import zstandard

from simulator.calls import Event
from vigil.broker import bootstrap_servers, broker_errors, client_options, require_reachable
from vigil.errors import BrokerUnavailable, WorkspaceError
from vigil.settings import Settings

_BLOCK = 2_000


@contextmanager
def opened(target: str) -> Iterator[IO[bytes]]:
    """A binary stream to `target`: `-` is standard output, `.gz` and `.zst` are compressed. Raises WorkspaceError."""
    if target == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(target)
    try:
        with path.open("wb") as raw:
            if path.suffix == ".gz":
                # No file name and no time inside: the same seed gives the same bytes.
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=5, mtime=0) as packed:
                    yield cast(IO[bytes], packed)
            elif path.suffix == ".zst":
                with zstandard.ZstdCompressor(level=3).stream_writer(raw, closefd=False) as stream:
                    yield cast(IO[bytes], stream)
            else:
                yield raw
    except OSError as error:
        raise WorkspaceError(f"cannot write {path}: {error.strerror}; choose another --out") from error


def write_lines(events: Iterable[Event], stream: IO[bytes]) -> int:
    """Write one JSON object a line; returns how many."""
    encoder = msgspec.json.Encoder()
    written = 0
    for block in batched(events, _BLOCK):
        stream.write(encoder.encode_lines(block))
        written += len(block)
    return written


def batched(events: Iterable[Event], size: int) -> Iterator[list[Event]]:
    """`events` in lists of up to `size`."""
    iterator = iter(events)
    while block := list(itertools.islice(iterator, size)):
        yield block


class TopicSink:
    """Produces events to a Kafka topic, keyed by account so that an account's calls stay in order.

    Raises BrokerUnavailable. `failed` counts records that the broker did not acknowledge.
    """

    def __init__(self, settings: Settings, topic: str, *, servers: str | None = None) -> None:
        from kafka import KafkaProducer

        self.topic = topic
        self._servers = servers or bootstrap_servers(settings)
        require_reachable(self._servers)
        self._encoder = msgspec.json.Encoder()
        self.sent = 0
        self.failed = 0
        with broker_errors(self._servers):
            self._producer = KafkaProducer(
                **client_options(settings, self._servers),
                acks="all",
                # The embedded broker knows no producer ids; duplicates are removed by event_id.
                enable_idempotence=False,
                compression_type="lz4",
                linger_ms=20,
                batch_size=256 * 1024,
                max_request_size=8 * 2**20,
                max_block_ms=10_000,
            )

    def send(self, event: Event) -> None:
        """Queue one event. Blocks while the producer's buffer is full."""
        with broker_errors(self._servers):
            sending = self._producer.send(
                self.topic, value=self._encoder.encode(event), key=str(event["account_id"]).encode()
            )
        sending.add_errback(self._count_failure)
        self.sent += 1

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until everything sent is acknowledged."""
        with broker_errors(self._servers):
            self._producer.flush(timeout=timeout_s)
        if self.failed:
            raise BrokerUnavailable(f"{self.failed} of {self.sent} records were not accepted by {self._servers}")

    def close(self) -> None:
        """Close without waiting for long."""
        self._producer.close(timeout=5)

    def _count_failure(self, _: Any) -> None:
        self.failed += 1

    def __enter__(self) -> TopicSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.flush()
        finally:
            self.close()
