"""A gateway that keeps the receiver's rules of docs/adapters.md, and a log of its own that an oracle can trust."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from enforcement.adapters import InForce
from vigil.delivery import Delivery
from vigil.effect import EffectKind


@dataclass
class RuleKeepingGateway:
    """What is in force, what was ever done, and every request that arrived. Thread-safe."""

    in_force: dict[str, Delivery] = field(default_factory=dict)
    applied: Counter[str] = field(default_factory=Counter)
    """How often each action took effect while it was not in force: once, and once more after it was lost."""
    doubled: list[str] = field(default_factory=list)
    """What a second application of the same action, or a second effect of a kind on one target, looked like."""
    arrived: list[Delivery] = field(default_factory=list)
    forgotten: Counter[str] = field(default_factory=Counter)
    _keys: set[str] = field(default_factory=set)
    _lifted: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, delivery: Delivery) -> None:
        """A request arrives, perhaps not for the first time."""
        with self._lock:
            self.arrived.append(delivery)
            if delivery.idempotency_key in self._keys:
                return
            self._keys.add(delivery.idempotency_key)
            if delivery.effect is EffectKind.LIFT:
                assert delivery.reverses is not None
                self._lifted.add(delivery.reverses)
                self.in_force.pop(delivery.reverses, None)
                return
            if delivery.action_id in self._lifted:
                return  # its lift was quicker
            self.applied[delivery.action_id] += 1
            if self.applied[delivery.action_id] > 1 + self.forgotten[delivery.action_id]:
                self.doubled.append(f"{delivery.effect.value} {delivery.action_id} took effect twice")
            if delivery.effect.restricts:
                for other in self.in_force.values():
                    if (other.target, other.effect) == (delivery.target, delivery.effect):
                        self.doubled.append(
                            f"{delivery.action_id} came beside {other.action_id} on {delivery.target.id}"
                        )
                self.in_force[delivery.action_id] = delivery

    def note_page(self, key: str) -> None:
        """A page arrives, perhaps not for the first time."""
        with self._lock:
            self.applied[key] = 1

    def forget(self, action_id: str) -> None:
        """It was restored from a backup that does not know this effect."""
        with self._lock:
            if self.in_force.pop(action_id, None) is not None:
                self.forgotten[action_id] += 1

    def state(self, action_id: str | None = None) -> tuple[InForce, ...]:
        """What is in force, for whoever asks."""
        with self._lock:
            return tuple(
                InForce(action_id=one.action_id, effect=one.effect, target=one.target)
                for one in self.in_force.values()
                if action_id in (None, one.action_id)
            )
