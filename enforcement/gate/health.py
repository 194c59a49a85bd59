"""Stage: a detector that supports the incident is sick, so what cannot be given back waits for a person."""

from __future__ import annotations

from enforcement.gate.base import GateContext, Verdict
from enforcement.policies.policy import IRREVERSIBLE
from enforcement.proposal import Proposal


class HealthStage:
    """Holds suspensions and bans while a supporting detector fails or is silent; soft effects pass."""

    name = "health"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        if proposal.effect not in IRREVERSIBLE:
            return Verdict.PASS, "a soft effect does not wait for the health of detectors"
        sick = {
            support.name: context.sick[support.name]
            for support in proposal.incident.detectors
            if support.name in context.sick
        }
        if not sick:
            return Verdict.PASS, "no detector that supports it is known to be sick"
        named = "; ".join(f"{name} {why}" for name, why in sorted(sick.items()))
        return Verdict.HOLD, f"{named}: {proposal.effect.value} waits for a person"
