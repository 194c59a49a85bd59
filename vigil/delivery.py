"""What an adapter hands to the other side: one action, complete, under a key that makes a repeat harmless."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from vigil.effect import Action, EffectKind, Target


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One effect on its way. The same `idempotency_key` always means the same effect: apply it once.

    A `lift` ends the action named by `reverses`, whose effect is in `parameters["effect"]`. `expires_at` None means
    until lifted; the receiver may let the effect end by itself then, and gets a `lift` as well.
    """

    idempotency_key: str
    action_id: str
    at: datetime
    effect: EffectKind
    parameters: dict[str, Any]
    target: Target
    policy: str
    policy_version: str
    incident_id: str | None
    reason: str
    expires_at: datetime | None = None
    reverses: str | None = None


def delivery_of(action: Action) -> Delivery:
    """The delivery of an action. Its key is the action's id, which is a hash of what was decided."""
    return Delivery(
        idempotency_key=action.action_id,
        action_id=action.action_id,
        at=action.at,
        effect=action.effect,
        parameters=action.parameters,
        target=action.target,
        policy=action.policy,
        policy_version=action.policy_version,
        incident_id=action.incident_id,
        reason=action.reason,
        expires_at=action.expires_at,
        reverses=action.reverses,
    )
