"""One transaction of the enforcer: policies, gate and record brought together for a batch of incidents.

What is needed is read for all incidents at once, decided in memory in their order, and written at once: a decision
sees those before it as if they had been stored one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from enforcement import pages
from enforcement.budgets import BudgetCounts
from enforcement.containment import contain_all_covered
from enforcement.decide import Known, Matched, Problem, longest_decay, places_of, propose
from enforcement.gate import EFFECT_STAGES, PAGE_STAGES, GateContext, pass_through
from enforcement.gate.approval import approvals_needed
from enforcement.gate.delay import execute_at
from enforcement.health import Health
from enforcement.histories import Histories
from enforcement.policies.policy import IRREVERSIBLE, Policy, Rung
from enforcement.proposal import Proposal
from vigil.effect import Action, ActionState, EffectKind
from vigil.incident import Incident
from vigil.log import get_logger
from vigil.permitted import PermittedPrincipals
from vigil.record import actions, approvals, decisions, incidents, kill_switches, ledger, policy_versions, snoozes
from vigil.record.decisions import Decided
from vigil.record.snoozes import Snooze
from vigil.settings import EnforcementSettings
from vigil.signal import SubjectType
from vigil.warehouse.accounts import AccountFacts

_LOG = get_logger("enforcement")


@dataclass(frozen=True)
class Rules:
    """What decides, apart from the incident: exceptions and settings."""

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
        self._budgets = BudgetCounts(connection, now, ())
        self._health = Health(connection, now)
        self._snoozes: dict[str, list[Snooze]] = defaultdict(list)
        for snooze in snoozes.active(connection, now):
            self._snoozes[snooze.subject_key].append(snooze)
        self._histories = Histories()
        # Of two policies that want the same page the one that may send it decides, so there is one decision an id.
        self._decided: dict[str, Decided] = {}
        self._lines: list[tuple[str, str, dict[str, object]]] = []
        self._page_context = GateContext(
            now=now,
            mode_override=rules.settings.mode,
            switches=self._switches,
            protected=rules.protected,
            permitted=None,
            history=(),
            imposed_last_hour=0,
            targets_in_force=0,
            active_accounts=None,
        )
        self._versions: dict[tuple[str, str], policy_versions.PolicyVersion] = {}
        self.decided = 0

    def enforce(self, found: Sequence[Matched]) -> None:
        """Decide on incidents, each read in this transaction or known to be unchanged, and store what was decided."""
        ids = [matched.incident.incident_id for matched in found]
        before = actions.of_incidents(self._connection, ids)
        reopened = incidents.reopenings(self._connection, ids)
        places = {
            place for matched in found for place in places_of(matched, self._accounts[matched.incident.tenant_id].facts)
        }
        policies = {policy.version_key: policy for matched in found for policy in matched.policies}
        self._budgets = BudgetCounts(self._connection, self._now, policies.values())
        decay = longest_decay(policies.values())
        self._histories = Histories.read(self._connection, places, self._now - decay)
        held: list[tuple[Matched, list[Action]]] = []
        for matched in found:
            incident = matched.incident
            done = {action.action_id: action for action in before.get(incident.incident_id, ())}
            fresh = self._decide_all(matched, done)
            for policy in matched.policies:
                if policy.page is not None:
                    self._page(policy, matched, done, reopened.get(incident.incident_id, 0))
            if any(action.state is ActionState.HELD for action in fresh):
                held.append((matched, fresh))
        self._write()
        for matched, fresh in held:
            self._page_what_is_held(matched, fresh)
        incidents.mark_enforced(
            self._connection, {matched.incident.incident_id: matched.incident.revision for matched in found}
        )
        contain_all_covered(self._connection, [matched.incident for matched in found], self._now)

    def _decide_all(self, matched: Matched, done: dict[str, Action]) -> list[Action]:
        """Decide on what all policies want because of one incident; what was decided before is in `done`."""
        known = Known(self._accounts[matched.incident.tenant_id].facts, self._histories)
        fresh: list[Action] = []
        problems = list(matched.problems)
        for policy in matched.policies:
            proposals, more = propose(policy, matched, known, self._now)
            problems += more
            at_once = sum(1 for proposal in proposals if proposal.effect.restricts)
            for proposal in proposals:
                action = self._decide(proposal, done, at_once)
                if action is not None:
                    done[action.action_id] = action
                    fresh.append(action)
        self._report(matched.incident, problems)
        return fresh

    def _decide(self, proposal: Proposal, done: Mapping[str, Action], at_once: int) -> Action | None:
        """The decision on one proposal; None when it was made before."""
        stands = done.get(proposal.action_id)
        if stands is not None and not actions.may_be_overtaken(stands):
            return None
        policy = proposal.policy
        outcome = pass_through(EFFECT_STAGES, proposal, self._context(proposal, at_once))
        if stands is not None and outcome.state not in actions.TRANSITIONS[stands.state]:
            return None
        held = outcome.state is ActionState.HELD
        moment = execute_at(proposal, self._now)
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
            expires_at=proposal.expires_at(moment or self._now),
            execute_at=moment,
            account_id=proposal.place.account_id,
            org_id=proposal.org_id,
            trace=outcome.trace,
            facts=proposal.facts,
            approvals_needed=approvals_needed(proposal) if held else 0,
        )
        self._store(policy, action, "log" if action.effect is EffectKind.LOG else self._rules.settings.adapter)
        if outcome.state is ActionState.DISPATCHED:
            if action.effect.restricts:
                self._budgets.spend(policy, action.target)
            self._histories.add(action)
        return action

    def _store(self, policy: Policy, action: Action, adapter: str) -> None:
        self._decided[action.action_id] = Decided(action, adapter, _actor(policy))
        self._keep_version(policy)

    def _keep_version(self, policy: Policy) -> None:
        if policy.version_key not in self._versions:
            self._versions[policy.version_key] = policy_versions.PolicyVersion(
                policy.name, policy.version, policy.source, self._now
            )

    def _write(self) -> None:
        policy_versions.keep_all(self._connection, self._versions.values())
        made = list(self._decided.values())
        self.decided += len(decisions.decide_all(self._connection, made, self._now))
        proposers = {one.action.action_id: one.actor for one in made if one.action.state is ActionState.HELD}
        approvals.note_proposers(self._connection, proposers, self._now)
        ledger.write_lines(self._connection, self._now, self._lines)

    def _context(self, proposal: Proposal, at_once: int) -> GateContext:
        policy, target, place = proposal.policy, proposal.target, proposal.place
        severe = proposal.effect in IRREVERSIBLE
        return GateContext(
            now=self._now,
            mode_override=self._rules.settings.mode,
            switches=self._switches,
            protected=self._rules.protected,
            permitted=self._permitted(proposal),
            history=tuple(self._histories.of(place)),
            imposed_last_hour=self._budgets.imposed_last_hour(policy, target.tenant_id),
            targets_in_force=self._budgets.targets_in_force(policy, target.tenant_id),
            active_accounts=self._accounts[target.tenant_id].active,
            wider=self._histories.wider(place),
            narrower=self._histories.narrower(place),
            snoozes=self._snoozes_of(proposal),
            sick=self._health.sick({one.name for one in proposal.incident.detectors}) if severe else {},
            at_once=at_once,
        )

    def _snoozes_of(self, proposal: Proposal) -> tuple[Snooze, ...]:
        if not self._snoozes:
            return ()
        place = proposal.place
        keys = (proposal.incident.incident_id, place.own_key, *place.wider_keys)
        return tuple(snooze for key in keys for snooze in self._snoozes.get(key, ()))

    def _permitted(self, proposal: Proposal) -> str | None:
        """Why the target may do what others may not. A key or end user: when all accounts the incident names may."""
        permitted, tenant = self._rules.permitted, proposal.target.tenant_id
        if not permitted.permissions:
            return None
        facts = self._accounts[tenant].facts
        if proposal.target.type is SubjectType.ORG:
            return permitted.reason(tenant, None, proposal.target.id, self._now)
        reasons = [
            permitted.reason(tenant, account, facts[account].org_id if account in facts else None, self._now)
            for account in proposal.account_ids
        ]
        return reasons[0] if reasons and all(reason is not None for reason in reasons) else None

    def _page(self, policy: Policy, matched: Matched, done: dict[str, Action], reopened: int) -> None:
        incident = matched.incident
        action_id = pages.incident_page_id(incident, policy.page or pages.ON_CALL, reopened)
        stands = done.get(action_id)
        if stands is not None and not actions.may_be_overtaken(stands):
            return
        seen = {"incident": {"severity": int(incident.severity), "revision": incident.revision}}
        proposal = Proposal(policy, incident, pages.target_of(incident), Rung(EffectKind.PAGE, {}, None), 0, seen)
        outcome = pass_through(PAGE_STAGES, proposal, self._page_context)
        if stands is not None and outcome.state not in actions.TRANSITIONS[stands.state]:
            return
        page = pages.incident_page(proposal, action_id, outcome, list(done.values()), self._now)
        self._store(policy, page, pages.ADAPTER)
        done[action_id] = page

    def _page_what_is_held(self, matched: Matched, decided: Sequence[Action]) -> None:
        """One page a policy and incident when something waits for a person."""
        for policy in matched.policies:
            held = [a for a in decided if a.policy == policy.name and a.state is ActionState.HELD]
            if held and pages.warn_of_held(self._connection, self._now, policy, matched.incident, held):
                self.decided += 1

    def _report(self, incident: Incident, problems: Iterable[Problem]) -> None:
        for problem in problems:
            policy = problem.policy
            _LOG.warning("condition not evaluated", policy=policy.name, incident=incident.incident_id)
            self._keep_version(policy)
            payload = {"incident_id": incident.incident_id, "policy": policy.name, "version": policy.version}
            self._lines.append((_actor(policy), "not_evaluated", {**payload, "problem": problem.message}))


def _actor(policy: Policy) -> str:
    return f"policy:{policy.name}"
