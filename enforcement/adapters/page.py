"""Pages: to whatever is set for the receiver, else to the log, where they are hard to miss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlencode

from enforcement.adapters.base import Answer, Delivered, Refused, Unreachable
from enforcement.adapters.posting import SignedPoster
from vigil.delivery import Delivery
from vigil.log import get_logger

_LOG = get_logger("pages")


class Channel(Protocol):
    """One way to reach receivers. `send` returns within its deadline and raises nothing."""

    name: str

    def takes(self, receiver: str) -> bool:
        """Whether it reaches this receiver."""
        ...

    def send(self, key: str, page: Mapping[str, Any]) -> Answer:
        """Hand over one page; `key` is the same when it is sent again."""
        ...


class PageAdapter:
    """`console_url` is the address of the dashboard, for the link in every page.

    A page goes out on every channel that takes its receiver. While one of them cannot be reached it is sent again,
    to all: each knows the key, or at worst somebody reads it twice.
    """

    name = "page"

    def __init__(self, poster: SignedPoster | None, console_url: str, channels: Sequence[Channel] = ()) -> None:
        self._poster = poster
        self._console_url = console_url.rstrip("/")
        self._channels = tuple(channels)
        self.waits = poster is not None or bool(channels)

    def deliver(self, delivery: Delivery) -> Answer:
        page = self.document(delivery)
        answers: list[tuple[str, Answer]] = []
        if self._poster is not None:
            answers.append(("page_url", self._poster.post(delivery.idempotency_key, page)))
        answers += [
            (channel.name, channel.send(delivery.idempotency_key, page))
            for channel in self._channels
            if channel.takes(str(page["receiver"]))
        ]
        if not answers:
            _LOG.warning("page", **page)
            return Delivered(f"written to the log; nothing is set for the receiver {page['receiver']}")
        return _together(answers)

    def document(self, delivery: Delivery) -> dict[str, Any]:
        """What is posted: receiver, severity, title, text, link, and the ids to find it again."""
        if delivery.incident_id is not None:
            link = f"{self._console_url}/incident?{urlencode({'id': delivery.incident_id})}"
        else:
            link = f"{self._console_url}/actions?{urlencode({'action': delivery.action_id})}"
        return {
            "receiver": delivery.parameters.get("receiver"),
            "severity": delivery.parameters.get("severity"),
            "status": delivery.parameters.get("status", "firing"),
            "title": delivery.parameters.get("title"),
            "text": delivery.parameters.get("text"),
            "link": link,
            "at": delivery.at.isoformat(),
            "tenant_id": delivery.target.tenant_id,
            "group": delivery.parameters.get("group") or delivery.incident_id or delivery.action_id,
            "incident_id": delivery.incident_id,
            "action_id": delivery.action_id,
            "policy": delivery.policy,
        }


def _together(answers: Sequence[tuple[str, Answer]]) -> Answer:
    """One answer for all channels: not reachable while one is not; refused when none took it."""
    away = [(name, answer) for name, answer in answers if isinstance(answer, Unreachable)]
    if away:
        waits = [answer.retry_after for _, answer in away if answer.retry_after is not None]
        return Unreachable("; ".join(f"{name}: {answer.reason}" for name, answer in away), max(waits, default=None))
    refused = [f"{name}: {answer.reason}" for name, answer in answers if isinstance(answer, Refused)]
    if len(refused) == len(answers):
        return Refused("; ".join(refused))
    taken = [f"{name}: {answer.detail}" for name, answer in answers if isinstance(answer, Delivered)]
    return Delivered("; ".join(taken + refused))
