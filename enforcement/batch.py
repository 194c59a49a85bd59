"""One transaction of the enforcer: policies, gate and record brought together for a batch of incidents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from enforcement import pages
from enforcement.budgets import BudgetCounts
from enforcement.containment import contain_if_covered
from enforcement.decide import Known, Problem, aimed_at, longest_decay, matching, propose
from enforcement.gate import EFFECT_STAGES, PAGE_STAGES, GateContext, pass_through
from enforcement.gate.approval import approvals_needed
from enforcement.policies.policy import Policy, Rung
from enforcement.proposal import Proposal
from vigil.effect import Action, ActionState, EffectKind, Target
from vigil.incident import Incident
from vigil.log import get_logger
from vigil.permitted import PermittedPrincipals
from vigil.record import actions, approvals, decisions, incidents, kill_switches, ledger, policy_versions
from vigil.record.action_rows import target_key
from vigil.settings import EnforcementSettings
from vigil.signal import SubjectType
from vigil.warehouse.accounts import AccountFacts

_LOG = get_logger("enforcement")


@dataclass(frozen=True)
class Rules:
    """What decides, apart from the incident: policies in the order of their names, exceptions and settings."""

    policies: tuple[Policy, ...]
    permitted: PermittedPrincipals
    settings: EnforcementSettings
    protected: frozenset[str]


@dataclass(frozen=True)
class TenantAccounts:
    """What the warehouse said of the accounts of one tenant before the transaction began."""

    facts: Mapping[str, AccountFacts]
    active: int | None
    """Accounts seen in the last 30 days; None when no budget asks."""


class Batch:
    """One transaction of the enforcer: what it has read, and what it has decided so far."""

    def __init__(
        self, rules: Rules, connection: Connection, now: datetime, accounts: Mapping[str, TenantAccounts]
    ) -> None:
        self._rules = rules
        self._connection = connection
        self._now = now
        self._accounts = accounts
        self._switches = tuple(kill_switches.active(connection, now))
        self._budgets = BudgetCounts(connection, now)
        self._kept: set[str] = set()
        self.decided = 0

    def enforce(self, incident: Incident) -> None:
        """Evaluate all policies on one incident and store what they decide."""
        matched, problems = matching(self._rules.policies, incident, self._now)
        before = actions.list_actions(self._connection, incident_id=incident.incident_id, limit=None)
        done = {action.action_id: action for action in before}
        fresh: list[Action] = []
        histories = self._histories(matched, incident)
        for policy in matched:
            known = Known(self._accounts[incident.tenant_id].facts, histories)
            proposals, more = propose(policy, incident, known, self._now)
            problems += more
            for proposal in proposals:
                action = self._decide(proposal, histories[target_key(proposal.target)], done)
                if action is not None:
                    done[action.action_id] = action
                    fresh.append(action)
        self._page_what_is_held(incident, matched, fresh)
        for policy in matched:
            if policy.page is not None:
                self._page(policy, incident, list(done.values()))
        self._report(incident, problems)
        incidents.mark_enforced(self._connection, incident.incident_id, incident.revision)
        contain_if_covered(self._connection, incident.incident_id, self._now)

    def _histories(self, matched: Sequence[Policy], incident: Incident) -> dict[str, list[Action]]:
        targets = {
            Target(subject.type, subject.id, incident.tenant_id)
            for policy in matched
            if policy.ladder
            for subject in aimed_at(policy, incident)
        }
        found: dict[str, list[Action]] = defaultdict(list)
        if targets:
            found.update(actions.histories(self._connection, targets, self._now - longest_decay(matched)))
        return found

    def _decide(self, proposal: Proposal, history: list[Action], done: dict[str, Action]) -> Action | None:
        """Store the decision on one proposal; None when it was made before."""
        stands = done.get(proposal.action_id)
        if stands is not None and not actions.may_be_overtaken(stands):
            return None
        policy, tenant = proposal.policy, proposal.target.tenant_id
        outcome = pass_through(EFFECT_STAGES, proposal, self._context(proposal, history))
        held = outcome.state is ActionState.HELD
        action = Action(
            action_id=proposal.action_id,
            at=self._now,
            effect=proposal.effect,
            parameters={**proposal.rung.parameters, **({"notice": policy.notice} if policy.notice else {})},
            target=proposal.target,
            policy=policy.name,
            policy_version=policy.version,
            incident_id=proposal.incident.incident_id,
            state=outcome.state,
            reason=outcome.reason,
            expires_at=proposal.expires_at(self._now),
            trace=outcome.trace,
            facts=proposal.facts,
            approvals_needed=approvals_needed(proposal) if held else 0,
        )
        adapter = "log" if action.effect is EffectKind.LOG else self._rules.settings.adapter
        if not self._store(policy, action, adapter):
            return None
        if held:
            approvals.note_proposer(self._connection, action.action_id, _actor(policy), self._now)
        if outcome.state is ActionState.DISPATCHED:
            if action.effect.restricts:
                self._budgets.spend(policy.name, tenant, action.target)
            history.append(action)
        return action

    def _store(self, policy: Policy, action: Action, adapter: str) -> bool:
        if not decisions.decide(self._connection, action, adapter, _actor(policy)):
            return False
        self._keep_version(policy)
        self.decided += 1
        return True

    def _keep_version(self, policy: Policy) -> None:
        if policy.version not in self._kept:
            self._kept.add(policy.version)
            policy_versions.keep(self._connection, policy.name, policy.version, policy.source, self._now)

    def _context(self, proposal: Proposal, history: Sequence[Action]) -> GateContext:
        policy, target = proposal.policy, proposal.target
        return GateContext(
            now=self._now,
            mode_override=self._rules.settings.mode,
            switches=self._switches,
            protected=self._rules.protected,
            permitted=self._permitted(proposal),
            history=tuple(history),
            imposed_last_hour=self._budgets.imposed_last_hour(policy.name, target.tenant_id),
            targets_in_force=self._budgets.targets_in_force(policy.name, target.tenant_id),
            active_accounts=self._accounts[target.tenant_id].active,
        )

    def _permitted(self, proposal: Proposal) -> str | None:
        """Why the target may do what others may not. A key or end user: when all accounts the incident names may."""
        permitted, tenant = self._rules.permitted, proposal.target.tenant_id
        facts = self._accounts[tenant].facts
        if proposal.target.type is SubjectType.ORG:
            return permitted.reason(tenant, None, proposal.target.id, self._now)
        reasons = [
            permitted.reason(tenant, account, facts[account].org_id if account in facts else None, self._now)
            for account in proposal.account_ids
        ]
        return reasons[0] if reasons and all(reason is not None for reason in reasons) else None

    def _page(self, policy: Policy, incident: Incident, done: Sequence[Action]) -> None:
        action_id = pages.incident_page_id(self._connection, incident, policy.page or pages.ON_CALL)
        seen = {"incident": {"severity": int(incident.severity), "revision": incident.revision}}
        rung = Rung(EffectKind.PAGE, {}, None)
        proposal = Proposal(policy, incident, pages.target_of(incident), rung, 0, seen)
        outcome = pass_through(PAGE_STAGES, proposal, self._context(proposal, ()))
        page = pages.incident_page(proposal, action_id, outcome, done, self._now)
        self._store(policy, page, pages.ADAPTER)

    def _page_what_is_held(self, incident: Incident, matched: Sequence[Policy], decided: Sequence[Action]) -> None:
        """One page a policy and incident when something waits for a person."""
        for policy in matched:
            held = [a for a in decided if a.policy == policy.name and a.state is ActionState.HELD]
            if held and pages.warn_of_held(self._connection, self._now, policy, incident, held):
                self.decided += 1

    def _report(self, incident: Incident, problems: Sequence[Problem]) -> None:
        for problem in problems:
            policy = problem.policy
            _LOG.warning("condition not evaluated", policy=policy.name, incident=incident.incident_id)
            self._keep_version(policy)
            payload = {"incident_id": incident.incident_id, "policy": policy.name, "version": policy.version}
            ledger.append(
                self._connection, self._now, _actor(policy), "not_evaluated", {**payload, "problem": problem.message}
            )


def _actor(policy: Policy) -> str:
    return f"policy:{policy.name}"
