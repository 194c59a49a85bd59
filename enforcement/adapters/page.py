"""Pages: to a signed webhook when there is one, else to the log, where they are hard to miss."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from enforcement.adapters.base import Answer, Delivered
from enforcement.adapters.posting import SignedPoster
from vigil.delivery import Delivery
from vigil.log import get_logger

_LOG = get_logger("pages")


class PageAdapter:
    """`console_url` is the address of the dashboard, for the link in every page."""

    name = "page"

    def __init__(self, poster: SignedPoster | None, console_url: str) -> None:
        self._poster = poster
        self._console_url = console_url.rstrip("/")
        self.waits = poster is not None

    def deliver(self, delivery: Delivery) -> Answer:
        page = self.document(delivery)
        if self._poster is not None:
            return self._poster.post(delivery.idempotency_key, page)
        _LOG.warning("page", **page)
        return Delivered("written to the log; no page_url is set")

    def document(self, delivery: Delivery) -> dict[str, Any]:
        """What is posted: receiver, severity, title, text, link, and the ids to find it again."""
        if delivery.incident_id is not None:
            link = f"{self._console_url}/incident?{urlencode({'id': delivery.incident_id})}"
        else:
            link = f"{self._console_url}/actions?{urlencode({'action': delivery.action_id})}"
        return {
            "receiver": delivery.parameters.get("receiver"),
            "severity": delivery.parameters.get("severity"),
            "title": delivery.parameters.get("title"),
            "text": delivery.parameters.get("text"),
            "link": link,
            "at": delivery.at.isoformat(),
            "tenant_id": delivery.target.tenant_id,
            "incident_id": delivery.incident_id,
            "action_id": delivery.action_id,
            "policy": delivery.policy,
        }
