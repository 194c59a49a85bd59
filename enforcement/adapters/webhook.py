"""Effects to a signed webhook: whatever sits in front of the model and can throttle, suspend and ban."""

from __future__ import annotations

from enforcement.adapters.base import Answer
from enforcement.adapters.posting import SignedPoster
from vigil.delivery import Delivery


class WebhookAdapter:
    """Posts the delivery as it is (docs/enforcement.md shows the receiver's side)."""

    name = "webhook"
    waits = True

    def __init__(self, poster: SignedPoster) -> None:
        self._poster = poster

    def deliver(self, delivery: Delivery) -> Answer:
        return self._poster.post(delivery.idempotency_key, delivery)
