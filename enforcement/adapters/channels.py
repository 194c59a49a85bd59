"""Pages by e-mail, to Slack, Teams, Matrix and a hundred others, through Apprise.

None of these knows idempotency keys: after a lost answer somebody may read a page twice, never not at all.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import apprise
from pydantic import SecretStr

from enforcement.adapters.base import Answer, Delivered, Unreachable
from vigil.errors import ConfigError

_REMEMBERED = 10_000
_TYPES = {
    "critical": apprise.NotifyType.FAILURE,
    "high": apprise.NotifyType.FAILURE,
    "medium": apprise.NotifyType.WARNING,
}


class AppriseChannel:
    """Takes pages to the receivers that `addresses` names (blank-separated Apprise URLs); `*` is for all others.

    Raises ConfigError for an address that Apprise does not know, without showing it: it carries the password.
    """

    name = "Apprise"

    def __init__(self, addresses: Mapping[str, SecretStr]) -> None:
        self._services: dict[str, list[apprise.NotifyBase]] = {}
        for receiver, urls in addresses.items():
            made = [
                apprise.Apprise.instantiate(url, suppress_exceptions=True) for url in urls.get_secret_value().split()
            ]
            services = [service for service in made if service is not None]
            if not services or len(services) < len(made):
                raise ConfigError(
                    f"enforcement.channels: receiver {receiver!r} has an address that is no Apprise URL;"
                    " expected for example mailto://user:password@example.com or slack://token/channel"
                )
            self._services[receiver] = services
        self._sent: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._lock = threading.Lock()

    def takes(self, receiver: str) -> bool:
        """Whether this receiver has an address."""
        return receiver in self._services or "*" in self._services

    def send(self, key: str, page: Mapping[str, Any]) -> Answer:
        """To every address of the receiver; those that took it before are not asked again."""
        if page.get("status", "firing") != "firing":
            return Delivered("not sent: only pages that need somebody are")
        receiver = str(page["receiver"])
        services = self._services.get(receiver) or self._services["*"]
        failed = []
        for number, service in enumerate(services):
            if self._was_sent(key, number):
                continue
            if _notify(service, page):
                self._note_sent(key, number)
            else:
                failed.append(str(service.service_name))
        if failed:
            return Unreachable(f"{', '.join(failed)} did not take the page for {receiver}")
        return Delivered(f"sent to {', '.join(str(service.service_name) for service in services)}")

    def _was_sent(self, key: str, number: int) -> bool:
        with self._lock:
            return (key, number) in self._sent

    def _note_sent(self, key: str, number: int) -> None:
        with self._lock:
            self._sent[key, number] = None
            while len(self._sent) > _REMEMBERED:
                self._sent.popitem(last=False)


def _notify(service: apprise.NotifyBase, page: Mapping[str, Any]) -> bool:
    body = f"{page['text']}\n\n{page['link']}"
    try:
        return bool(
            service.notify(
                title=harmless(str(page["title"])),
                body=harmless(body),
                notify_type=_TYPES.get(str(page["severity"]), apprise.NotifyType.INFO),
                body_format=apprise.NotifyFormat.TEXT,
            )
        )
    except Exception:  # noqa: BLE001  (a hundred services, each with errors of its own: whatever it was, it is tried again)
        return False


def harmless(text: str) -> str:
    """Text from telemetry that calls nobody together: @everyone, <!channel> and the like lose their power."""
    return text.replace("@", "@\u200b").replace("<!", "<\u200b!")
