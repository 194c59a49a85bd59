"""Stage: what a person decided, no rule decides again on the same evidence."""

from __future__ import annotations

from datetime import timedelta

from enforcement.gate.base import GateContext, Verdict
from enforcement.proposal import Proposal
from vigil.effect import Action, ActionState
from vigil.incident import Incident
from vigil.record.actions import EXPIRY


class HumanStage:
    """Suppresses after a person lifted or rejected an effect on the target, until there is new evidence.

    New is an incident whose traffic began after the ruling, or another incident than the one ruled on whose traffic
    goes on for the policy's `grace` beyond it. A ruling on the account or organisation speaks for its keys and end
    users, and a ruling on a key for its account; not one on another key of the account.
    """

    name = "human"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        for action in (*reversed(context.history), *context.wider, *context.narrower):
            if _is_ruling(action) and not is_new_evidence(proposal.incident, action, proposal.policy.grace):
                verb = "rejected" if action.state is ActionState.SUPPRESSED else "lifted"
                return (
                    Verdict.SUPPRESS,
                    f"{action.lifted_by} {verb} {action.effect.value} ({action.action_id}) and this is the same evidence",
                )
        return Verdict.PASS, "no person ruled on this evidence"


def is_new_evidence(incident: Incident, ruled: Action, grace: timedelta) -> bool:
    """Whether the incident says more than the person knew who ruled on the action."""
    if ruled.lift_decided_at is None or incident.window.start >= ruled.lift_decided_at:
        return True
    return incident.incident_id != ruled.incident_id and incident.window.end >= ruled.lift_decided_at + grace


def _is_ruling(action: Action) -> bool:
    return action.lifted_by not in (None, EXPIRY)
