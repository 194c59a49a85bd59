"""What a gateway and the network in front of it do to a call, by name: did it arrive, and what was the answer?"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

from enforcement.adapters import Answer, Delivered, InForce, Refused, Unreachable
from tests.faults.gateway import RuleKeepingGateway
from tests.faults.points import FaultPoints
from vigil.delivery import Delivery
from vigil.effect import EffectKind

Misbehaviour = Callable[[RuleKeepingGateway, Delivery], Answer]


def _not_arrived(answer: Answer) -> Misbehaviour:
    return lambda gateway, delivery: answer


def _arrived(answer: Answer, times: int = 1) -> Misbehaviour:
    def behave(gateway: RuleKeepingGateway, delivery: Delivery) -> Answer:
        for _ in range(times):
            gateway.take(delivery)
        return answer

    return behave


def _swallowed(gateway: RuleKeepingGateway, delivery: Delivery) -> Answer:
    """Nobody can find out that a message was not passed on; that a restriction is not in force, one can."""
    if not (delivery.effect.restricts or delivery.effect is EffectKind.LIFT):
        gateway.take(delivery)
    return Delivered("answered 200")


MISBEHAVIOURS: dict[str, Misbehaviour] = {
    **{f"{status}": _not_arrived(Unreachable(f"answered {status}")) for status in (401, 403, 429, 500, 502, 503)},
    **{f"{status}": _not_arrived(Refused(f"answered {status}")) for status in (400, 404, 409, 422)},
    "429 with a wait": _not_arrived(Unreachable("answered 429", timedelta(minutes=17))),
    "time-out before it arrived": _not_arrived(Unreachable("did not answer in time")),
    "time-out after it arrived": _arrived(Unreachable("did not answer in time")),
    "a body that drips": _arrived(Unreachable("did not answer in time")),
    "reset before it arrived": _not_arrived(Unreachable("connection reset")),
    "reset after it arrived": _arrived(Unreachable("connection reset")),
    "503 after it arrived": _arrived(Unreachable("answered 503")),
    "success reported as refusal": _arrived(Refused("answered 404")),
    "conflict on what it has": _arrived(Refused("answered 409")),
    "failure reported as success": _swallowed,
    "delivered twice": _arrived(Delivered("answered 200"), times=2),
}


class FaultyGatewayAdapter:
    """An adapter in front of the gateway. Each armed misbehaviour takes one call; the rest go well.

    `waits` is True: deliveries run in threads, as they do to another machine.
    """

    name = "log"
    waits = True

    def __init__(
        self, gateway: RuleKeepingGateway, points: FaultPoints, randomness: random.Random | None = None
    ) -> None:
        self.gateway = gateway
        self.points = points
        self.armed: list[Misbehaviour] = []
        self.blind = 0
        """Reads that will not be answered."""
        self.during: Callable[[], None] | None = None
        """Something that happens while the next call is under way."""
        self.late: list[Delivery] = []
        """Copies of requests that the network still holds."""
        self._randomness = randomness

    def deliver(self, delivery: Delivery) -> Answer:
        self.points.step()
        behave = self.armed.pop() if self.armed else _arrived(Delivered("answered 200"))
        answer = behave(self.gateway, delivery)
        if (happens := self.during) is not None:
            self.during = None
            happens()
        if self._randomness is not None and self._randomness.random() < 0.05:
            self.late.append(delivery)
        self.points.step()
        return answer

    def holds(self, delivery: Delivery) -> bool | Unreachable:
        if self.blind:
            self.blind -= 1
            return Unreachable("does not say what is in force")
        return bool(self.gateway.state(delivery.reverses or delivery.action_id))

    def in_force(self) -> tuple[InForce, ...] | Unreachable:
        if self.blind:
            self.blind -= 1
            return Unreachable("does not say what is in force")
        return self.gateway.state()
