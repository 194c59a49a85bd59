"""Delivering and asking afterwards: neither a success nor a refusal is believed when the other side can be read back."""

from __future__ import annotations

from enforcement.adapters.base import Adapter, Answer, Delivered, ReadsBack, Refused, Unreachable
from vigil.delivery import Delivery
from vigil.effect import EffectKind


def deliver(adapter: Adapter, delivery: Delivery) -> Answer:
    """What the adapter said, corrected by what is in force.

    A success that cannot be seen is tried again, and so is anything that cannot be read back now. A refusal of what
    is in force after all (or, for a lift, no longer is) counts as delivered: the record must say what is true.
    """
    answer = adapter.deliver(delivery)
    lifts = delivery.effect is EffectKind.LIFT
    if (
        isinstance(answer, Unreachable)
        or not isinstance(adapter, ReadsBack)
        or not (delivery.effect.restricts or lifts)
    ):
        return answer
    holds = adapter.holds(delivery)
    if isinstance(holds, Unreachable):
        return Unreachable(f"it cannot be confirmed: {holds.reason}", holds.retry_after)
    as_wanted = holds is not lifts
    seen = "in force" if holds else "not in force"
    match answer:
        case Delivered(detail=detail) if not as_wanted:
            return Unreachable(f"{adapter.name} said it is done, read back it is {seen}: {detail}")
        case Refused(reason=reason) if as_wanted:
            return Delivered(f"read back it is {seen}, although {reason}")
    return answer
