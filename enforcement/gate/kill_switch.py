"""Stage: somebody has stopped everything, this policy or this tenant."""

from __future__ import annotations

from enforcement.gate.base import GateContext, Verdict
from enforcement.proposal import Proposal
from vigil.effect import EffectKind
from vigil.record.kill_switches import Scope, stopping


class KillSwitchStage:
    """Suppresses while a switch is set. People are still paged, unless the switch is on the very policy that pages."""

    name = "kill_switch"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        switches = context.switches
        if proposal.effect is EffectKind.PAGE:
            switches = tuple(switch for switch in switches if switch.scope is Scope.POLICY)
        switch = stopping(switches, proposal.policy.name, proposal.target.tenant_id)
        if switch is None:
            return Verdict.PASS, "none is set"
        what = "everything" if switch.scope is Scope.GLOBAL else f"{switch.scope.value} {switch.name}"
        until = switch.expires_at.isoformat(timespec="minutes")
        return Verdict.SUPPRESS, f"{switch.owner} stopped {what} until {until}: {switch.reason}"
