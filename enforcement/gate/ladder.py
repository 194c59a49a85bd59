"""The ladder: repeat offenders climb, strikes decay. The stage says which rung was taken and why."""

from __future__ import annotations

from enforcement.gate.base import GateContext, Verdict
from enforcement.policies.policy import Policy, Rung
from enforcement.policies.yaml_lines import spelled
from enforcement.proposal import Proposal


def rung_for(policy: Policy, strikes: int) -> Rung:
    """The rung after so many strikes; beyond the top it stays the top."""
    return policy.ladder[min(strikes, len(policy.ladder) - 1)]


class LadderStage:
    """Always passes; it puts the choice of the rung into the trace."""

    name = "ladder"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        rung = proposal.rung
        length = "" if not rung.effect.restricts else " until lifted"
        if rung.duration is not None:
            length = f" for {spelled(rung.duration)}"
        step = f"rung {min(proposal.strikes + 1, len(proposal.policy.ladder))} of {len(proposal.policy.ladder)}"
        many = "no earlier offence" if proposal.strikes == 0 else f"{proposal.strikes} earlier offence(s)"
        return Verdict.PASS, f"{many}: {step}, {rung.effect.value}{length}"
