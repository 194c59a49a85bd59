"""A proposal: what a policy wants to do to one principal, before the gate has looked at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from enforcement.place import Place
from enforcement.policies.policy import Policy, Rung
from vigil.effect import EffectKind, Target
from vigil.ids import prefixed
from vigil.incident import Incident
from vigil.record.action_rows import target_key

NOTICE_UNDONE = "restriction-undone"
"""Notice that goes to the owner of what was restricted by mistake."""


@dataclass(frozen=True)
class Proposal:
    """One effect on one target because of one incident. `strikes` counts earlier offences under the same policy."""

    policy: Policy
    incident: Incident
    target: Target
    rung: Rung
    strikes: int
    facts: dict[str, Any]
    account_ids: tuple[str, ...] = ()
    """Accounts the target stands for: itself, or for a narrower principal the accounts that the incident names."""
    org_id: str | None = None
    """Organisation of the target, where it is known: who protects and exempts organisations must know it."""

    @property
    def place(self) -> Place:
        """The target with the wider principals it belongs to."""
        return Place(self.target, self.account_ids, self.org_id)

    @property
    def effect(self) -> EffectKind:
        """What it would do."""
        return self.rung.effect

    @cached_property
    def action_id(self) -> str:
        """The same decision has the same id, whoever makes it and however often."""
        return prefixed(
            "act",
            self.policy.name,
            self.incident.incident_id,
            target_key(self.target),
            self.effect.value,
            str(self.strikes),
        )

    def expires_at(self, start: datetime) -> datetime | None:
        """When the effect ends if it begins at `start`."""
        return None if self.rung.duration is None else start + self.rung.duration
