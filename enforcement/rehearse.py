"""Runs the tests beside policies: each case through the same deciding and the same gate as production."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from enforcement.decide import Known, matching, propose
from enforcement.gate import EFFECT_STAGES, GateContext, pass_through
from enforcement.histories import Histories
from enforcement.policies.index import PolicyIndex
from enforcement.policies.testing import NOW, Case
from vigil.effect import Action, ActionState, EffectKind, Target
from vigil.record.actions import EXPIRY


@dataclass(frozen=True)
class Rehearsed:
    """What came of a case; `problems` is empty when it went as expected."""

    case: Case
    found: dict[str, str]
    problems: Sequence[str]


def rehearse(case: Case) -> Rehearsed:
    """Decide on one case, as if its policy were live and alone and nothing were in force."""
    policy, incident = case.policy, case.incident
    matched = matching(PolicyIndex([policy]).candidates(incident), incident, NOW)
    problems = [problem.message for problem in matched.problems]
    histories = Histories()
    for subject in incident.subjects:
        for number in range(case.strikes.get(subject.id, 0)):
            histories.add(_earlier(case, Target(subject.type, subject.id, incident.tenant_id), number))
    found = dict.fromkeys(case.expected, "none")
    if matched.policies:
        proposals, more = propose(policy, matched, Known(case.accounts, histories), NOW)
        problems += [problem.message for problem in more]
        at_once = sum(1 for proposal in proposals if proposal.effect.restricts)
        for proposal in proposals:
            outcome = pass_through(EFFECT_STAGES, proposal, _context(at_once))
            state = "" if outcome.state is ActionState.DISPATCHED else f"{outcome.state.value} "
            found[proposal.target.id] = f"{state}{proposal.effect.value}"
    problems += [
        f"{name}: expected {wanted}, found {found.get(name, 'none')}"
        for name, wanted in case.expected.items()
        if found.get(name, "none") != wanted
    ]
    pages = bool(matched.policies) and policy.page is not None
    if case.page is not None and case.page != pages:
        problems.append(f"page: expected {str(case.page).lower()}, found {str(pages).lower()}")
    return Rehearsed(case, found, problems)


def _context(at_once: int) -> GateContext:
    return GateContext(
        now=NOW,
        mode_override="live",
        switches=(),
        protected=frozenset(),
        permitted=None,
        history=(),
        imposed_last_hour=0,
        targets_in_force=0,
        active_accounts=None,
        at_once=at_once,
    )


def _earlier(case: Case, target: Target, number: int) -> Action:
    """An earlier effect of the policy that took effect and is over."""
    moment = case.incident.window.start - timedelta(hours=1 + number)
    return Action(
        action_id=f"act_{target.id}_{number}",
        at=moment,
        effect=EffectKind.THROTTLE,
        parameters={},
        target=target,
        policy=case.policy.name,
        policy_version=case.policy.version,
        incident_id=f"inc_before_{number}",
        state=ActionState.LIFTED,
        reason="",
        confirmed_at=moment,
        lifted_by=EXPIRY,
        lifted_at=moment,
    )
