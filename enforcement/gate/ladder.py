"""The ladder: repeat offenders climb, strikes decay. The stage says which rung was taken and why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from enforcement.gate.base import GateContext, Verdict
from enforcement.policies.policy import Policy, Rung
from enforcement.policies.yaml_lines import spelled
from enforcement.proposal import Proposal
from vigil.effect import Action
from vigil.incident import Incident
from vigil.record.actions import EXPIRY


def count_strikes(policy: Policy, incident: Incident, history: Iterable[Action], now: datetime) -> int:
    """Earlier effects of the policy on the target after which the offence was repeated.

    An effect of another incident counts when this incident's traffic began after it took effect: two incidents about
    the same traffic are one offence. An effect of this incident counts when it is over and the traffic went on for
    the policy's `grace` beyond it. What a person lifted never counts, and nothing counts after `decay`.
    """
    return sum(1 for action in history if _is_strike(policy, incident, action, now))


def rung_for(policy: Policy, strikes: int) -> Rung:
    """The rung after so many strikes; beyond the top it stays the top."""
    return policy.ladder[min(strikes, len(policy.ladder) - 1)]


def _is_strike(policy: Policy, incident: Incident, action: Action, now: datetime) -> bool:
    if action.policy != policy.name or action.confirmed_at is None or action.lifted_by not in (None, EXPIRY):
        return False
    if action.confirmed_at <= now - policy.decay:
        return False
    if action.incident_id != incident.incident_id:
        return action.confirmed_at <= incident.window.start
    ended = action.lifted_at if action.effect.restricts else action.confirmed_at
    return ended is not None and ended + policy.grace <= incident.window.end


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
