"""Stage: whether the policy acts, only records, acts on a share, or asks a person."""

from __future__ import annotations

from enforcement.gate.base import GateContext, Verdict
from enforcement.policies.policy import Mode, Policy
from enforcement.proposal import Proposal
from vigil.effect import EffectKind, Target
from vigil.ids import digest
from vigil.record.action_rows import target_key


class ModeStage:
    """Live passes, shadow records, canary passes for a stable share of principals, manual holds."""

    name = "mode"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        policy = proposal.policy
        if context.mode_override == "live":
            return Verdict.PASS, "the setting enforcement.mode makes every policy live"
        if context.mode_override == "shadow":
            return Verdict.SHADOW, "the setting enforcement.mode makes every policy shadow"
        if policy.mode is Mode.SHADOW:
            return Verdict.SHADOW, "the policy is in shadow mode"
        if policy.mode is Mode.CANARY and not in_canary(policy, proposal.target):
            return Verdict.SHADOW, f"not among the {policy.canary_percent:g} % on which the policy acts as a canary"
        if policy.mode is Mode.MANUAL and proposal.effect is not EffectKind.PAGE:
            return Verdict.HOLD, "the policy is in manual mode: a person decides"
        return Verdict.PASS, f"the policy is {policy.mode.value}"


def in_canary(policy: Policy, target: Target) -> bool:
    """The same principal is always in or always out, and more come in as the percentage grows."""
    position = int(digest("canary", policy.name, target_key(target), length=8), 16) / 2**32
    return position * 100 < policy.canary_percent
