"""Pages to PagerDuty through its Events API v2.

One incident is one PagerDuty incident: `dedup_key` is the same for every page about it, so repeats and retries add to
it, an acknowledgement silences it there as well, and the end closes it. 202 means it was taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import SecretStr

from enforcement.adapters.base import Answer, Refused
from enforcement.adapters.calling import Caller
from vigil.clock import Clock

_SEVERITIES = {"critical": "critical", "high": "error", "medium": "warning", "low": "info"}
_LONGEST_SUMMARY = 1024
_ACTIONS = {"resolved": "resolve", "acknowledged": "acknowledge"}


class PagerDutyChannel:
    """Takes pages to the receivers that `keys` names; `*` stands for all others."""

    name = "PagerDuty"

    def __init__(self, url: str, keys: Mapping[str, SecretStr], clock: Clock, timeout_s: float) -> None:
        self._url = url
        self._keys = dict(keys)
        self._caller = Caller(url, clock, timeout_s)

    def takes(self, receiver: str) -> bool:
        """Whether this receiver has a routing key."""
        return receiver in self._keys or "*" in self._keys

    def send(self, key: str, page: Mapping[str, Any]) -> Answer:
        """One event; raises nothing."""
        receiver = str(page["receiver"])
        routing_key = self._keys.get(receiver) or self._keys.get("*")
        if routing_key is None:
            return Refused(f"no routing key of {receiver} is set")
        body = msgspec.json.encode(event(routing_key.get_secret_value(), page))
        reply = self._caller.call("POST", self._url, {"Content-Type": "application/json"}, body)
        return self._caller.answer(reply)


def event(routing_key: str, page: Mapping[str, Any]) -> dict[str, Any]:
    """The event for a page, as the Events API v2 wants it."""
    head = {
        "routing_key": routing_key,
        "event_action": _ACTIONS.get(str(page.get("status")), "trigger"),
        "dedup_key": str(page["group"])[:255],
    }
    if head["event_action"] != "trigger":
        return head
    return {
        **head,
        "client": "vigil",
        "client_url": page["link"],
        "links": [{"href": page["link"], "text": "Open in vigil"}],
        "payload": {
            "summary": str(page["title"])[:_LONGEST_SUMMARY],
            "source": f"vigil/{page['tenant_id']}",
            "severity": _SEVERITIES.get(str(page["severity"]), "error"),
            "timestamp": page["at"],
            "component": page["policy"],
            "custom_details": {name: page[name] for name in ("text", "incident_id", "action_id", "tenant_id")},
        },
    }
