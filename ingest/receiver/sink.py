"""Where the receiver writes: Kafka, acknowledged by every replica in sync; and a sink in memory for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from ingest.receiver.refusal import Refusal
from vigil.broker import client_options, require_reachable
from vigil.errors import BrokerUnavailable
from vigil.settings import Settings

RETRY_AFTER_S = 5
_ENVELOPE_BYTES = 8_192
_LINGER_MS = 5
_READY_CHECK_EVERY_S = 2.0


class Sink(Protocol):
    """Called from several threads at once."""

    def write(self, values: Sequence[bytes]) -> None:
        """Return when all values are stored. Raises Refusal (413 or 503); some may be stored all the same."""
        ...

    def is_ready(self) -> bool:
        """Whether writing can be expected to work."""
        ...

    def close(self) -> None:
        """Finish what is under way, within seconds."""
        ...


class KafkaSink:
    """Writes to one topic. Connects when first needed, so that the receiver starts, and says so, while Kafka is away."""

    def __init__(self, settings: Settings, servers: str) -> None:
        self._servers = servers
        self._topic = settings.receive.topic
        self._timeout_s = settings.receive.delivery_timeout_s
        self._options = client_options(settings, servers)
        self._max_bytes = settings.ingest.max_event_bytes + _ENVELOPE_BYTES
        self._producer: Any = None
        self._lock = threading.Lock()
        self._checked_at_s = float("-inf")
        self._ready = False

    def write(self, values: Sequence[bytes]) -> None:
        """See Sink."""
        until_s = time.monotonic() + self._timeout_s
        producer = None
        try:
            producer = self._connected()
            sent = [producer.send(self._topic, value) for value in values]
            for record in sent:
                record.get(timeout=max(0.0, until_s - time.monotonic()))
        except (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError):
            raise Refusal(
                413,
                f"an event is larger than the topic {self._topic} takes; send less content or raise its max.message.bytes",
            ) from None
        except (kafka_errors.KafkaError, BrokerUnavailable, OSError) as error:
            self._drop(producer)
            raise Refusal(
                503,
                f"Kafka has not acknowledged within {self._timeout_s:.0f} s ({type(error).__name__}); send the request"
                " again: what was stored already is recognised by its id",
                retry_after_s=RETRY_AFTER_S,
            ) from None

    def is_ready(self) -> bool:
        """See Sink. Asks the broker at most every two seconds."""
        now_s = time.monotonic()
        if now_s - self._checked_at_s >= _READY_CHECK_EVERY_S:
            try:
                require_reachable(self._servers, timeout_s=1.0)
                self._ready = True
            except BrokerUnavailable:
                self._ready = False
            self._checked_at_s = now_s
        return self._ready

    def close(self) -> None:
        """See Sink."""
        with self._lock, suppress(kafka_errors.KafkaError):
            if self._producer is not None:
                self._producer.close(timeout=self._timeout_s)
                self._producer = None

    def _drop(self, producer: Any) -> None:
        """Start anew after a failure: an idempotent producer never recovers once the broker has forgotten it."""
        self._checked_at_s = float("-inf")
        with self._lock:
            if producer is None or self._producer is not producer:
                return
            self._producer = None
        with suppress(kafka_errors.KafkaError):
            producer.close(timeout=0)

    def _connected(self) -> Any:
        with self._lock:
            if self._producer is None:
                require_reachable(self._servers)
                timeout_ms = int(self._timeout_s * 1000)
                self._producer = KafkaProducer(
                    **self._options,
                    client_id="vigil-receive",
                    acks="all",
                    # A misspelt topic must not come into being, and an unknown one must not hang the sender.
                    allow_auto_create_topics=False,
                    compression_type="lz4",
                    linger_ms=_LINGER_MS,
                    max_request_size=self._max_bytes,
                    max_block_ms=timeout_ms,
                    request_timeout_ms=timeout_ms,
                    delivery_timeout_ms=timeout_ms + _LINGER_MS,
                    metrics_enabled=False,
                )
            return self._producer
