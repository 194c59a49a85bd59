"""What the demonstration's gateway holds against principals, and what that does to a call. Pure."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

import msgspec

from simulator.calls import Event
from vigil.effect import EffectKind
from vigil.signal import SubjectType

Principal = tuple[str, SubjectType, str]
"""Tenant, type and id."""

_MINUTE = timedelta(minutes=1)
_FIELDS = {
    SubjectType.ACCOUNT: "account_id",
    SubjectType.API_KEY: "api_key_hash",
    SubjectType.ORG: "org_id",
    SubjectType.END_USER: "end_user_id",
}
# What the model would have said and cost did not happen.
_NEVER_HAPPENED = ("output", "output_tokens", "reasoning_tokens", "cost_usd", "ttft_ms", "finish_reasons", "refused")


class Restriction(msgspec.Struct, frozen=True):
    """One effect in force: `rpm` for a throttle, `until` None = until lifted."""

    effect: EffectKind
    since: datetime
    until: datetime | None = None
    rpm: int | None = None


class Restrictions:
    """Effects in force by principal, and the calls each throttled one has made in the last minute. Not thread-safe."""

    def __init__(self) -> None:
        self._held: dict[Principal, dict[EffectKind, Restriction]] = {}
        self._recent: dict[Principal, deque[datetime]] = {}

    def impose(self, principal: Principal, restriction: Restriction) -> None:
        """Put an effect in force; the same effect again replaces it."""
        self._held.setdefault(principal, {})[restriction.effect] = restriction

    def lift(self, principal: Principal, effect: EffectKind) -> None:
        """Take an effect back; unknown ones are none."""
        self._held.get(principal, {}).pop(effect, None)

    @property
    def principals(self) -> frozenset[Principal]:
        """Everybody who is restricted."""
        return frozenset(principal for principal, held in self._held.items() if held)

    def admit(self, event: Event, at: datetime) -> Event:
        """The call as it went: unchanged, or a `blocked` or `rate_limited` one that never reached the model."""
        for type_, field in _FIELDS.items():
            principal = (event["tenant_id"], type_, event.get(field, ""))
            for restriction in self._held.get(principal, {}).values():
                if restriction.until is not None and at >= restriction.until:
                    continue
                if restriction.effect in (EffectKind.SUSPEND, EffectKind.BAN):
                    return _refused(event, "blocked", "account_suspended")
                if restriction.rpm is not None and not self._within(principal, restriction.rpm, at):
                    return _refused(event, "rate_limited", "rate_limit_exceeded")
        return event

    def _within(self, principal: Principal, rpm: int, at: datetime) -> bool:
        recent = self._recent.setdefault(principal, deque())
        while recent and recent[0] <= at - _MINUTE:
            recent.popleft()
        if len(recent) >= rpm:
            return False
        recent.append(at)
        return True


def _refused(event: Event, status: str, error_type: str) -> Event:
    refused = {key: value for key, value in event.items() if key not in _NEVER_HAPPENED}
    refused.update(status=status, error_type=error_type, duration_ms=3)
    return refused
