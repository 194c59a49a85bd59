"""Stage: the target already has it."""

from __future__ import annotations

from datetime import datetime

from enforcement.gate.base import GateContext, Verdict
from enforcement.proposal import Proposal
from vigil.effect import Action, EffectKind
from vigil.record.action_rows import ON_DUTY

_ALL_OUT = frozenset({EffectKind.SUSPEND, EffectKind.BAN})
"""Effects that leave nothing for another one to restrict."""


class DuplicateStage:
    """Suppresses what is in force already, and what a suspension or ban that lasts at least as long covers."""

    name = "duplicate"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        if not proposal.effect.restricts:
            return Verdict.PASS, "it restricts nothing"
        for action in context.history:
            if action.state not in ON_DUTY or not action.effect.restricts:
                continue
            if action.effect is proposal.effect:
                return Verdict.SUPPRESS, f"{_named(action)} is in force"
            if _covers(action, proposal, context.now):
                return Verdict.SUPPRESS, f"{_named(action)} is in force and covers it"
        for action in context.wider:
            if action.state in ON_DUTY and _covers(action, proposal, context.now):
                return Verdict.SUPPRESS, f"{_named(action)} is in force on the {action.target.type.value} and covers it"
        return Verdict.PASS, "nothing of the kind is in force"


def _covers(action: Action, proposal: Proposal, now: datetime) -> bool:
    # A suspension whose end is decided already covers nothing, and none covers a ban.
    if action.effect not in _ALL_OUT or action.lifted_by is not None or proposal.effect is EffectKind.BAN:
        return False
    end = proposal.expires_at(now)
    return action.expires_at is None or (end is not None and action.expires_at >= end)


def _named(action: Action) -> str:
    until = "it is lifted" if action.expires_at is None else action.expires_at.isoformat(timespec="minutes")
    return f"{action.effect.value} ({action.action_id}, until {until})"
