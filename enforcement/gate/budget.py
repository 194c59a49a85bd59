"""Stage: how much a policy may do to a tenant before a person has to look."""

from __future__ import annotations

from enforcement.gate.base import GateContext, Verdict
from enforcement.proposal import Proposal
from vigil.record.action_rows import ON_DUTY


class BudgetStage:
    """Holds what goes over the policy's budget, for a person and with a page; nothing is dropped."""

    name = "budget"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        budget = proposal.policy.budget
        if not proposal.effect.restricts:
            return Verdict.PASS, "it restricts nothing"
        if budget.per_hour is not None and context.imposed_last_hour >= budget.per_hour:
            return (
                Verdict.HOLD,
                f"{context.imposed_last_hour} effects in the last hour, the budget is {budget.per_hour}",
            )
        if budget.share_of_active_accounts is not None and context.active_accounts is not None:
            allowed = max(budget.at_least, int(budget.share_of_active_accounts * context.active_accounts))
            if context.targets_in_force >= allowed and not _counts_already(proposal, context):
                share = f"{budget.share_of_active_accounts * 100:g} % of {context.active_accounts:,} active accounts"
                return (
                    Verdict.HOLD,
                    f"{context.targets_in_force} principals are restricted, the budget is {allowed} ({share}, at least {budget.at_least})",
                )
        return Verdict.PASS, "within the budget"


def _counts_already(proposal: Proposal, context: GateContext) -> bool:
    return any(
        action.policy == proposal.policy.name and action.state in ON_DUTY and action.effect.restricts
        for action in context.history
    )
