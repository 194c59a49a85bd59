"""A policy, as loaded: frozen values. What the fields mean is in docs/policies.md."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from enforcement.policies.condition import Condition
from vigil.effect import EffectKind
from vigil.signal import SubjectType


class Mode(enum.Enum):
    """`live` acts, `shadow` records what it would have done, `canary` acts on a share, `manual` asks a person."""

    LIVE = "live"
    SHADOW = "shadow"
    CANARY = "canary"
    MANUAL = "manual"


@dataclass(frozen=True)
class Rung:
    """One step of the ladder. `duration` None: until it is lifted (or, for an effect that restricts nothing, once)."""

    effect: EffectKind
    parameters: dict[str, Any]
    duration: timedelta | None


@dataclass(frozen=True)
class Budget:
    """How much a policy may do to one tenant before a person has to look.

    `share_of_active_accounts` is of accounts seen in the last 30 days and never allows fewer than `at_least`
    principals, so that a small tenant is not without protection.
    """

    per_hour: int | None = None
    share_of_active_accounts: float | None = None
    at_least: int = 25


@dataclass(frozen=True)
class Approval:
    """Effects from `threshold` up wait for `by` persons."""

    threshold: EffectKind
    by: int


@dataclass(frozen=True)
class Exemption:
    """A principal this policy leaves alone, until when, and why."""

    type: SubjectType
    id: str
    reason: str
    until: datetime | None


@dataclass(frozen=True)
class Policy:
    """One version of one policy. `version` is a hash of its content, whatever its comments and spacing."""

    name: str
    owner: str
    mode: Mode
    canary_percent: float
    tenants: frozenset[str] | None
    when: Condition
    members: Condition | None
    principal: SubjectType | None
    ladder: tuple[Rung, ...]
    decay: timedelta
    grace: timedelta
    page: str | None
    budget: Budget
    approval: Approval | None
    exemptions: tuple[Exemption, ...]
    notice: str | None
    version: str
    source: str
    file: str
    kinds: frozenset[str] | None
    """Incident kinds of which `when` can be true; None: any."""

    def covers(self, tenant_id: str) -> bool:
        """Whether it is in force for the tenant."""
        return self.tenants is None or tenant_id in self.tenants

    def accepts_low(self) -> bool:
        """A LOW incident is matched only by a policy that says something about severity."""
        return self.when.mentions("incident", "severity")


SEVERITY_ORDER = (
    EffectKind.LOG,
    EffectKind.NOTIFY_OWNER,
    EffectKind.THROTTLE,
    EffectKind.CAP_TOKENS,
    EffectKind.SAFER_MODEL,
    EffectKind.STEP_UP,
    EffectKind.SUSPEND,
    EffectKind.BAN,
)
"""Effects a ladder may hold, mildest first."""


def at_least_as_severe(effect: EffectKind, threshold: EffectKind) -> bool:
    """Whether `effect` takes as much away as `threshold` or more."""
    return SEVERITY_ORDER.index(effect) >= SEVERITY_ORDER.index(threshold)
