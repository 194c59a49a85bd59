"""A person proposes an effect; another person approves it. The same record, gate of two persons, ledger and way back as
for what rules decide."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from enforcement.policies.policy import IRREVERSIBLE
from vigil.clock import Clock
from vigil.effect import Action, ActionState, EffectKind, StageVerdict, Target
from vigil.errors import UsageError
from vigil.ids import prefixed
from vigil.record import Record, actions, approvals, decisions, incidents
from vigil.settings import Settings
from vigil.signal import SubjectType

POLICY = "manual"
"""Under this name stands what persons propose."""


def propose(
    record: Record,
    clock: Clock,
    settings: Settings,
    target: Target,
    effect: EffectKind,
    actor: str,
    reason: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    duration: timedelta | None = None,
    incident_id: str | None = None,
) -> Action:
    """Store a held action that waits for another person's approval: two persons' for a protected principal or a ban.

    The incident's policies are not asked. Raises UsageError without a person or reason, for an effect that restricts
    nothing, and for one that should end and says not when.
    """
    if not reason.strip():
        raise UsageError("a proposal needs a reason: who approves it and its owner are told")
    if not effect.restricts:
        raise UsageError(f"{effect.value} restricts nothing; there is nothing to propose")
    if duration is None and effect not in IRREVERSIBLE:
        raise UsageError(f"{effect.value} needs an end: say for how long")
    now = clock.now()
    protected = f"{target.type.value}:{target.id}" in settings.enforcement.protected
    needed = 2 if protected or effect is EffectKind.BAN else 1
    with record.write() as connection:
        if incident_id is not None:
            incidents.get(connection, incident_id)  # names it when there is none
        action = Action(
            action_id=prefixed("act", POLICY, actor, target.tenant_id, target.type.value, target.id, now.isoformat()),
            at=now,
            effect=effect,
            parameters=dict(parameters or {}),
            target=target,
            policy=POLICY,
            policy_version="",
            incident_id=incident_id,
            state=ActionState.HELD,
            reason=f"approval: {actor} proposed it: {reason.strip()}",
            expires_at=None if duration is None else now + duration,
            trace=(
                StageVerdict("approval", "hold", f"{needed} other person(s) have to approve what {actor} proposed"),
            ),
            approvals_needed=needed,
            account_id=target.id if target.type is SubjectType.ACCOUNT else None,
            org_id=target.id if target.type is SubjectType.ORG else None,
        )
        if not decisions.decide(connection, action, settings.enforcement.adapter, actions.as_person(actor)):
            raise UsageError(f"{actor} proposed that at this very moment already: {action.action_id}")
        approvals.note_proposer(connection, action.action_id, actor, now)
    return action
