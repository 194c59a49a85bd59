"""Stage: severe effects, and effects on many at once, wait for persons."""

from __future__ import annotations

from enforcement.gate.base import GateContext, Verdict
from enforcement.policies.policy import at_least_as_severe
from enforcement.proposal import Proposal


class ApprovalStage:
    """Holds what the policy's `approval` names until enough persons said yes. Who proposed it cannot approve it."""

    name = "approval"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        approval = proposal.policy.approval
        people = "one person has" if approval.by == 1 else f"{approval.by} persons have"
        if _is_severe(proposal):
            return Verdict.HOLD, f"{people} to approve {proposal.effect.value}"
        if proposal.effect.restricts and context.at_once > approval.bulk:
            return (
                Verdict.HOLD,
                f"{people} to approve {context.at_once} principals of one incident at once (more than {approval.bulk})",
            )
        if approval.threshold is None:
            return Verdict.PASS, f"the policy does without approval: {approval.because}"
        return Verdict.PASS, "needs nobody's approval"


def approvals_needed(proposal: Proposal) -> int:
    """Persons who must say yes if the gate holds it, for whatever reason."""
    return proposal.policy.approval.by if _is_severe(proposal) else 1


def _is_severe(proposal: Proposal) -> bool:
    threshold = proposal.policy.approval.threshold
    return threshold is not None and at_least_as_severe(proposal.effect, threshold)
