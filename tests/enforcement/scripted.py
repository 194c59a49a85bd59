"""An adapter that answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable

from enforcement.adapters import Answer, Delivered
from vigil.delivery import Delivery


class ScriptedAdapter:
    """`script` gives the answer to a delivery; None: delivered."""

    name = "log"

    def __init__(self, script: Callable[[Delivery], Answer | None] | None = None, *, waits: bool = False) -> None:
        self.script = script
        self.waits = waits
        self.asked: list[Delivery] = []
        self._lock = threading.Lock()

    def deliver(self, delivery: Delivery) -> Answer:
        with self._lock:
            self.asked.append(delivery)
        return (self.script(delivery) if self.script is not None else None) or Delivered("done")

    def effects(self) -> list[str]:
        """What was asked for, in order."""
        return [delivery.effect.value for delivery in self.asked]
