"""Effects and the actions that carry them. Effects are data; adapters do."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import msgspec

from vigil.signal import SubjectType


class EffectKind(enum.Enum):
    """What can be done (contract section 2)."""

    LOG = "log"
    NOTIFY_OWNER = "notify_owner"
    THROTTLE = "throttle"
    CAP_TOKENS = "cap_tokens"
    SAFER_MODEL = "safer_model"
    STEP_UP = "step_up"
    SUSPEND = "suspend"
    BAN = "ban"
    LIFT = "lift"
    PAGE = "page"

    @property
    def restricts(self) -> bool:
        """Takes something away from the target, stays in force until lifted, and so can be lifted."""
        return self in _RESTRICTING


_RESTRICTING = frozenset(
    {
        EffectKind.THROTTLE,
        EffectKind.CAP_TOKENS,
        EffectKind.SAFER_MODEL,
        EffectKind.STEP_UP,
        EffectKind.SUSPEND,
        EffectKind.BAN,
    }
)


class ActionState(enum.Enum):
    """Where a decision on an effect stands.

    `dispatched` (in the outbox, on its way), `confirmed` (the other side says it is in force), `held` (waits for a
    person), `suppressed` (a gate stage said no), `shadow` (recorded, not done), `failed` (the other side refuses),
    `lifted` (no longer in force).
    """

    DISPATCHED = "dispatched"
    CONFIRMED = "confirmed"
    HELD = "held"
    SUPPRESSED = "suppressed"
    SHADOW = "shadow"
    FAILED = "failed"
    LIFTED = "lifted"


class Target(msgspec.Struct, frozen=True):
    """The principal an effect is aimed at."""

    type: SubjectType
    id: str
    tenant_id: str


class StageVerdict(msgspec.Struct, frozen=True):
    """What one gate stage said: `pass`, `hold`, `suppress` or `shadow`, and why."""

    stage: str
    verdict: str
    reason: str


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One decision on one effect: what, on whom, by which policy, why, and where it stands."""

    action_id: str
    at: datetime
    effect: EffectKind
    parameters: dict[str, Any]
    target: Target
    policy: str
    policy_version: str
    incident_id: str | None
    state: ActionState
    reason: str
    expires_at: datetime | None = None
    execute_at: datetime | None = None
    """When it goes out; None: at once."""
    reverses: str | None = None
    account_id: str | None = None
    """The account that the target is or belongs to, where that is known; `org_id` likewise."""
    org_id: str | None = None
    trace: tuple[StageVerdict, ...] = ()
    facts: dict[str, Any] = {}
    """What the policy saw when it decided, so that the decision can be replayed."""
    approvals_needed: int = 0
    """Persons who must say yes before a held action goes out."""
    confirmed_at: datetime | None = None
    lifted_by: str | None = None
    """Who decided that it ends: `expiry`, or a person, whose decision outranks rules."""
    lift_decided_at: datetime | None = None
    lifted_at: datetime | None = None


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the append-only ledger. `hash` covers every other field, so each entry seals those before it."""

    seq: int
    at: datetime
    actor: str
    entry_type: str
    payload: str
    """Canonical JSON (sorted keys, no spaces)."""
    prev_hash: str
    hash: str
