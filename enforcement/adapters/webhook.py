"""Effects to a signed webhook: whatever sits in front of the model and can throttle, suspend and ban."""

from __future__ import annotations

import msgspec

from enforcement.adapters.base import Answer, InForce, Unreachable
from enforcement.adapters.posting import SignedPoster, SignedReader
from vigil.delivery import Delivery


class WebhookAdapter:
    """Posts the delivery as it is (docs/adapters.md shows the receiver's side)."""

    name = "webhook"
    waits = True

    def __init__(self, poster: SignedPoster) -> None:
        self._poster = poster

    def deliver(self, delivery: Delivery) -> Answer:
        return self._poster.post(delivery.idempotency_key, delivery)


class _State(msgspec.Struct, frozen=True):
    """What the receiver answers when it is asked what is in force."""

    in_force: tuple[InForce, ...]


class ReadableWebhookAdapter(WebhookAdapter):
    """A webhook whose receiver also says what is in force: `GET STATE_URL` for all, `?action_id=` for one."""

    def __init__(self, poster: SignedPoster, reader: SignedReader) -> None:
        super().__init__(poster)
        self._reader = reader

    def holds(self, delivery: Delivery) -> bool | Unreachable:
        action_id = delivery.reverses or delivery.action_id
        found = self._read(action_id=action_id)
        return found if isinstance(found, Unreachable) else any(one.action_id == action_id for one in found)

    def in_force(self) -> tuple[InForce, ...] | Unreachable:
        return self._read()

    def _read(self, **parameters: str) -> tuple[InForce, ...] | Unreachable:
        reply = self._reader.get(**parameters)
        if isinstance(reply, Unreachable):
            return reply
        try:
            return msgspec.json.decode(reply.body, type=_State).in_force
        except msgspec.MsgspecError as error:
            return Unreachable(f'it did not answer with {{"in_force": [...]}}: {error}')
