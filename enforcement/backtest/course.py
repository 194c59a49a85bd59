"""One policy played over past incidents, in their order, through the deciding and the gate of production.

Effects are taken to be confirmed at once and lifted at their end, so strikes, duplicates and budgets count as they
would have. Nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from enforcement.decide import Known, Matched, propose
from enforcement.gate import EFFECT_STAGES, GateContext, pass_through
from enforcement.histories import Histories
from enforcement.policies.policy import Policy
from enforcement.proposal import Proposal
from vigil.effect import Action, ActionState, Target
from vigil.incident import Incident
from vigil.permitted import PermittedPrincipals
from vigil.record.actions import EXPIRY
from vigil.signal import SubjectType
from vigil.warehouse.accounts import AccountFacts

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Setting:
    """What holds for every policy: who is protected or permitted, and how many accounts a tenant has."""

    protected: frozenset[str]
    permitted: PermittedPrincipals
    active_accounts: Mapping[str, int]


class Course:
    """What one policy would have done so far. `decided` holds its decisions in their order."""

    def __init__(self, policy: Policy, setting: Setting) -> None:
        self.policy = policy
        self.decided: list[Action] = []
        self._setting = setting
        self._by_target: dict[Target, dict[str, Action]] = defaultdict(dict)
        self._by_account: dict[tuple[str, str], dict[str, Action]] = defaultdict(dict)
        self._imposed: dict[str, list[datetime]] = defaultdict(list)
        self._done: set[str] = set()

    def decide(self, matched: Matched, accounts: Mapping[str, AccountFacts], now: datetime) -> None:
        """Decide on one incident at `now`, which never goes back."""
        incident = matched.incident
        histories = self._histories(incident, now)
        proposals, _ = propose(self.policy, matched, Known(accounts, histories), now)
        at_once = sum(1 for proposal in proposals if proposal.effect.restricts)
        for proposal in proposals:
            if proposal.action_id in self._done:
                continue
            self._done.add(proposal.action_id)
            outcome = pass_through(EFFECT_STAGES, proposal, self._context(proposal, histories, accounts, at_once, now))
            action = self._action(proposal, outcome.state, outcome.reason, now)
            self.decided.append(action)
            if outcome.state is ActionState.DISPATCHED:
                taken = msgspec.structs.replace(action, state=ActionState.CONFIRMED, confirmed_at=now)
                self._by_target[action.target][taken.action_id] = taken
                if taken.account_id is not None:
                    self._by_account[incident.tenant_id, taken.account_id][taken.action_id] = taken
                histories.add(taken)
                if action.effect.restricts:
                    self._imposed[incident.tenant_id].append(now)

    def _histories(self, incident: Incident, now: datetime) -> Histories:
        histories = Histories()
        tenant = incident.tenant_id
        earlier: dict[str, Action] = {}
        for subject in incident.subjects:
            earlier |= self._by_target.get(Target(subject.type, subject.id, tenant), {})
            if subject.type is SubjectType.ACCOUNT:
                earlier |= self._by_account.get((tenant, subject.id), {})
        for action in sorted(earlier.values(), key=lambda one: (one.at, one.action_id)):
            histories.add(_as_of(action, now))
        return histories

    def _context(
        self,
        proposal: Proposal,
        histories: Histories,
        accounts: Mapping[str, AccountFacts],
        at_once: int,
        now: datetime,
    ) -> GateContext:
        tenant, place = proposal.target.tenant_id, proposal.place
        imposed = self._imposed[tenant]
        return GateContext(
            now=now,
            mode_override="live",
            switches=(),
            protected=self._setting.protected,
            permitted=_permitted(self._setting.permitted, proposal, accounts, now),
            history=tuple(histories.of(place)),
            imposed_last_hour=sum(1 for moment in reversed(imposed) if moment > now - _HOUR),
            targets_in_force=self._in_force(tenant, now),
            active_accounts=self._setting.active_accounts.get(tenant),
            wider=histories.wider(place),
            narrower=histories.narrower(place),
            at_once=at_once,
        )

    def _in_force(self, tenant: str, now: datetime) -> int:
        if self.policy.budget.share_of_active_accounts is None:
            return 0
        return sum(
            1
            for target, taken in self._by_target.items()
            if target.tenant_id == tenant
            and any(one.effect.restricts and (one.expires_at is None or one.expires_at > now) for one in taken.values())
        )

    def _action(self, proposal: Proposal, state: ActionState, reason: str, now: datetime) -> Action:
        return Action(
            action_id=proposal.action_id,
            at=now,
            effect=proposal.effect,
            parameters=proposal.rung.parameters,
            target=proposal.target,
            policy=self.policy.name,
            policy_version=self.policy.version,
            incident_id=proposal.incident.incident_id,
            state=state,
            reason=reason,
            expires_at=proposal.expires_at(now),
            account_id=proposal.place.account_id,
            org_id=proposal.org_id,
        )


def play(
    courses: Iterable[Course],
    found: Iterable[Matched],
    accounts_at: Callable[[Incident], Mapping[str, AccountFacts]],
) -> None:
    """Play incidents, in the order in which they were last said, over the courses whose policy matches."""
    by_name = {(course.policy.name, course.policy.version): course for course in courses}
    for matched in found:
        for policy in matched.policies:
            by_name[policy.version_key].decide(matched, accounts_at(matched.incident), matched.incident.updated_at)


def _as_of(action: Action, now: datetime) -> Action:
    """The effect as it stood at `now`: over, when its time was over by then."""
    if action.effect.restricts and action.expires_at is not None and action.expires_at <= now:
        return msgspec.structs.replace(action, state=ActionState.LIFTED, lifted_by=EXPIRY, lifted_at=action.expires_at)
    return action


def _permitted(
    permitted: PermittedPrincipals, proposal: Proposal, accounts: Mapping[str, AccountFacts], now: datetime
) -> str | None:
    reasons = [
        permitted.reason(
            proposal.target.tenant_id, account, accounts[account].org_id if account in accounts else None, now
        )
        for account in proposal.account_ids
    ]
    return reasons[0] if reasons and all(reason is not None for reason in reasons) else None
