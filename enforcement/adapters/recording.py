"""Effects into a list: replay, back-tests and tests. Nothing leaves the process; everything is confirmed at once."""

from __future__ import annotations

import threading

from enforcement.adapters.base import Answer, Delivered
from vigil.delivery import Delivery


class RecordingAdapter:
    """Keeps what it was given, in order, each idempotency key once."""

    name = "recording"
    waits = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self.delivered: list[Delivery] = []

    def deliver(self, delivery: Delivery) -> Answer:
        with self._lock:
            if delivery.idempotency_key not in self._seen:
                self._seen.add(delivery.idempotency_key)
                self.delivered.append(delivery)
        return Delivered("recorded")
