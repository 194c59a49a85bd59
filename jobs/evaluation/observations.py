"""What scoring must know about the traffic itself: who was active, who owns what, and what baselines look at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from jobs.evaluation.scoring import Owners
from jobs.evaluation.verdicts import Key
from vigil.signal import SubjectType

Event = dict[str, Any]
"""A canonical event (contract section 1)."""

HOUR = timedelta(hours=1)
_OWNED = (
    (SubjectType.API_KEY, "api_key_hash"),
    (SubjectType.ORG, "org_id"),
    (SubjectType.END_USER, "end_user_id"),
)


class AccountHour(msgspec.Struct):
    """The calls of one account in one hour. `times` in the order of the events."""

    times: list[datetime] = []
    input_tokens: int = 0
    output_tokens: int = 0
    refused: int = 0
    errors: int = 0
    prefixes: set[str] = set()
    agents: set[str] = set()
    prompts: set[bytes] = set()

    def features(self) -> tuple[float, ...]:
        """Numbers for an outlier detector."""
        calls = len(self.times)
        return (
            float(calls),
            self.input_tokens / calls,
            self.output_tokens / calls,
            self.refused / calls,
            self.errors / calls,
            float(len(self.prefixes)),
            float(len(self.agents)),
            len(self.prompts) / calls,
        )


Account = tuple[str, str]
"""Tenant and account id."""


class Observations:
    """Sees every event once. Memory grows with account-hours and prompts: for evaluation, not for production."""

    def __init__(self) -> None:
        self.hours: dict[tuple[Account, datetime], AccountHour] = {}
        self.prompts: dict[tuple[str, bytes], list[tuple[datetime, str]]] = {}
        """(tenant, digest of a prompt) → when it was sent by which account, in the order of the events."""
        self.events = 0
        self._days: set[tuple[Account, int]] = set()
        self._owners: dict[tuple[str, Key], set[str]] = {}

    def watch(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events themselves; what passes is observed."""
        for event in events:
            self.add(event)
            yield event

    def add(self, event: Event) -> None:
        """Observe one event of the simulator."""
        at = datetime.fromisoformat(event["event_time"])
        tenant, account_id = event["tenant_id"], event["account_id"]
        account = (tenant, account_id)
        self.events += 1
        self._days.add((account, at.toordinal()))
        for kind, field in _OWNED:
            if owner := event.get(field):
                self._owners.setdefault((tenant, (kind, owner)), set()).add(account_id)
        hour = self.hours.setdefault((account, at.replace(minute=0, second=0, microsecond=0)), AccountHour())
        hour.times.append(at)
        hour.input_tokens += event.get("input_tokens", 0)
        hour.output_tokens += event.get("output_tokens", 0)
        hour.refused += bool(event.get("refused"))
        hour.errors += event.get("status") != "ok"
        hour.prefixes.add(str(event.get("client_ip", "")).rpartition(".")[0])
        hour.agents.add(event.get("user_agent", ""))
        if event.get("input"):
            text = " ".join(str(event["input"][-1]["content"]).lower().split())
            digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
            hour.prompts.add(digest)
            self.prompts.setdefault((tenant, digest), []).append((at, account_id))

    def account_days(self, before: datetime | None = None) -> int:
        """Pairs of an account and a day (UTC) on which it called, of the days before the one that holds `before`."""
        limit = before.astimezone(UTC).toordinal() if before is not None else None
        return sum(limit is None or day < limit for _, day in self._days)

    def owners(self) -> Owners:
        """The accounts behind each key, organisation and end user."""
        return {principal: frozenset(accounts) for principal, accounts in self._owners.items()}
