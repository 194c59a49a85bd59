"""Stages: principals that no policy may touch, that are permitted to do what others may not, or that this policy excepts."""

from __future__ import annotations

from enforcement.gate.base import GateContext, Verdict
from enforcement.policies.policy import Exemption
from enforcement.proposal import Proposal
from vigil.signal import SubjectType


class ProtectedStage:
    """Suppresses for what the setting `enforcement.protected` names: the target, its account or its organisation."""

    name = "protected"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        named = sorted(context.protected & {f"{kind.value}:{name}" for kind, name in _principals(proposal)})
        if named:
            return Verdict.SUPPRESS, f"{named[0]} is protected: no policy may restrict it"
        return Verdict.PASS, "not a protected principal"


class PermittedStage:
    """Suppresses for principals of the exceptions file (a red team) and of the policy's own `except`."""

    name = "permitted"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        if context.permitted is not None:
            return Verdict.SUPPRESS, f"permitted: {context.permitted}"
        principals = _principals(proposal)
        for exemption in proposal.policy.exemptions:
            if (exemption.type, exemption.id) in principals and _stands(exemption, context):
                return Verdict.SUPPRESS, f"the policy excepts {exemption.type.value} {exemption.id}: {exemption.reason}"
        return Verdict.PASS, "no exception names it"


def _stands(exemption: Exemption, context: GateContext) -> bool:
    return exemption.until is None or context.now < exemption.until


def _principals(proposal: Proposal) -> set[tuple[SubjectType, str]]:
    """The target and the wider principals it belongs to."""
    found = {(proposal.target.type, proposal.target.id)}
    found |= {(SubjectType.ACCOUNT, account) for account in proposal.account_ids}
    if proposal.org_id is not None:
        found.add((SubjectType.ORG, proposal.org_id))
    return found
