"""Stage: what is severe needs detectors that cannot all be wrong for one reason."""

from __future__ import annotations

from enforcement.gate.base import GateContext, Verdict
from enforcement.incidents.severity import independent_inputs
from enforcement.policies.policy import at_least_as_severe
from enforcement.proposal import Proposal


class AgreementStage:
    """Holds severe effects that too few independent detector families support."""

    name = "agreement"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        agreement, families = proposal.policy.agreement, proposal.incident.families
        if not proposal.effect.restricts or not at_least_as_severe(proposal.effect, agreement.threshold):
            return Verdict.PASS, "not severe"
        inputs = independent_inputs(families)
        seen = f"{', '.join(families) or 'no family'} ({', '.join(sorted(inputs)) or 'no known input'})"
        if agreement.families == 1:
            return Verdict.PASS, f"the policy does without agreement: {agreement.because}"
        if len(inputs) >= agreement.families:
            return Verdict.PASS, f"independent families agree: {seen}"
        needed = f"{proposal.effect.value} needs {agreement.families} families that share no input"
        return Verdict.HOLD, f"{needed}, supported by {seen}"
