"""A policy, as loaded: frozen values. What the fields mean is in docs/policies.md."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, time, timedelta
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
    """Effects from `threshold` up wait for `by` persons; so does everything that hits more than `bulk` principals of
    one incident. `threshold` None: nothing is severe enough, `because`."""

    threshold: EffectKind | None = EffectKind.BAN
    by: int = 1
    bulk: int = 200
    because: str | None = None


@dataclass(frozen=True)
class Agreement:
    """Effects from `threshold` up need `families` detector families that share no input; with 1, `because`."""

    threshold: EffectKind = EffectKind.SUSPEND
    families: int = 2
    because: str | None = None


@dataclass(frozen=True)
class Delay:
    """When effects go out: `after` the decision, not before the next `at` (a time of day in UTC), and then at a moment
    drawn once and uniformly from `within`."""

    after: timedelta = timedelta(0)
    at: time | None = None
    within: timedelta = timedelta(0)


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
    principals: tuple[SubjectType, ...]
    """Whom it acts on, narrowest first; empty: end users, keys and accounts, whatever the incident names."""
    widen_after: int
    """Restricted principals of one account after which the next wider principal is taken."""
    ladder: tuple[Rung, ...]
    decay: timedelta
    grace: timedelta
    page: str | None
    budget: Budget
    approval: Approval
    agreement: Agreement
    delay: Delay | None
    exemptions: tuple[Exemption, ...]
    notice: str | None
    version: str
    source: str
    file: str
    kinds: frozenset[str] | None
    """Incident kinds of which `when` can be true; None: any."""
    least_severity: int
    """The lowest severity at which it can match."""

    def covers(self, tenant_id: str) -> bool:
        """Whether it is in force for the tenant."""
        return self.tenants is None or tenant_id in self.tenants

    @property
    def version_key(self) -> tuple[str, str]:
        """Name and version."""
        return self.name, self.version


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


IRREVERSIBLE = frozenset({EffectKind.SUSPEND, EffectKind.BAN})
"""Effects that stop somebody's business: what they cost meanwhile no lift gives back."""
