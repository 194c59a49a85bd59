"""Effects to the log: the default until a gateway is connected. They count as confirmed, because nothing else will."""

from __future__ import annotations

from enforcement.adapters.base import Answer, Delivered
from vigil.delivery import Delivery
from vigil.log import get_logger

_LOG = get_logger("effects")


class LogAdapter:
    """One line an effect."""

    name = "log"
    waits = False

    def deliver(self, delivery: Delivery) -> Answer:
        _LOG.info(
            "effect",
            effect=delivery.effect.value,
            tenant=delivery.target.tenant_id,
            target=f"{delivery.target.type.value}:{delivery.target.id}",
            parameters=delivery.parameters,
            action=delivery.action_id,
            policy=delivery.policy,
            expires_at=None if delivery.expires_at is None else delivery.expires_at.isoformat(),
            reverses=delivery.reverses,
        )
        return Delivered("written to the log; no gateway is connected")
