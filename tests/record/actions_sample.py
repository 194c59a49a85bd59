"""Actions for the tests of the record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from vigil.effect import Action, ActionState, EffectKind, StageVerdict, Target
from vigil.signal import SubjectType

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def target(name: str = "mallory", tenant: str = "acme") -> Target:
    return Target(SubjectType.ACCOUNT, name, tenant)


def throttle(action_id: str = "act_1", **fields: Any) -> Action:
    """A dispatched throttle of mallory for a day."""
    base = Action(
        action_id=action_id,
        at=NOW,
        effect=EffectKind.THROTTLE,
        parameters={"rpm": 10},
        target=target(),
        policy="ring-containment",
        policy_version="v1",
        incident_id="inc_1",
        state=ActionState.DISPATCHED,
        reason="dispatch: passed every stage",
        expires_at=NOW + timedelta(days=1),
        trace=(StageVerdict("kill_switch", "pass", "none is set"),),
        facts={"incident": {"severity": 3}},
    )
    return msgspec.structs.replace(base, **fields)
