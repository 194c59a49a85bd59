"""Stage: severe effects wait for persons."""

from __future__ import annotations

from enforcement.gate.base import GateContext, Verdict
from enforcement.policies.policy import at_least_as_severe
from enforcement.proposal import Proposal


class ApprovalStage:
    """Holds what the policy's `approval` names until enough persons said yes."""

    name = "approval"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        approval = proposal.policy.approval
        if approval is None or not at_least_as_severe(proposal.effect, approval.threshold):
            return Verdict.PASS, "needs nobody's approval"
        people = "one person has" if approval.by == 1 else f"{approval.by} persons have"
        return Verdict.HOLD, f"{people} to approve {proposal.effect.value}"


def approvals_needed(proposal: Proposal) -> int:
    """Persons who must say yes if the gate holds it, for whatever reason."""
    approval = proposal.policy.approval
    if approval is not None and at_least_as_severe(proposal.effect, approval.threshold):
        return approval.by
    return 1
