"""What the policies want for one incident: values in, proposals out. Pure; the gate and the record come after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from enforcement.gate.ladder import count_strikes, rung_for
from enforcement.policies import facts
from enforcement.policies.condition import EvaluationError, make_context
from enforcement.policies.policy import Policy
from enforcement.proposal import Proposal
from vigil.effect import Action, Target
from vigil.incident import Incident
from vigil.record.action_rows import target_key
from vigil.signal import Severity, Subject, SubjectRole, SubjectType
from vigil.warehouse.accounts import AccountFacts

DEFAULT_PRINCIPALS = frozenset({SubjectType.END_USER, SubjectType.API_KEY, SubjectType.ACCOUNT})
"""Whom a policy acts on when it names no `principal`: never a whole organisation, a model or a source."""


@dataclass(frozen=True)
class Problem:
    """A condition that could not be evaluated: the policy did not act, and its owner should know."""

    policy: Policy
    message: str


@dataclass(frozen=True)
class Known:
    """What was read about the principals of an incident before deciding."""

    accounts: Mapping[str, AccountFacts]
    histories: Mapping[str, Sequence[Action]]
    """By target key: what was imposed on each target before."""


def matching(policies: Iterable[Policy], incident: Incident, now: datetime) -> tuple[list[Policy], list[Problem]]:
    """Policies whose `when` holds, in the order of their names, and those whose `when` could not be evaluated."""
    context = make_context({**facts.SEVERITIES, "incident": facts.incident_facts(incident, now)})
    matched: list[Policy] = []
    problems: list[Problem] = []
    for policy in policies:
        if not may_match(policy, incident):
            continue
        try:
            if policy.when.holds(context):
                matched.append(policy)
        except EvaluationError as error:
            problems.append(Problem(policy, str(error)))
    return matched, problems


def may_match(policy: Policy, incident: Incident) -> bool:
    """What can be said without evaluating anything: tenant, kind, and that LOW incidents have to be asked for."""
    if not policy.covers(incident.tenant_id):
        return False
    if incident.severity is Severity.LOW and not policy.accepts_low():
        return False
    return policy.kinds is None or incident.kind.value in policy.kinds


def propose(policy: Policy, incident: Incident, known: Known, now: datetime) -> tuple[list[Proposal], list[Problem]]:
    """One proposal for each offender that the policy aims at, strongest first. The policy's `when` holds already."""
    proposals: list[Proposal] = []
    problems: list[Problem] = []
    if not policy.ladder:
        return [], []
    seen = facts.incident_facts(incident, now)
    detectors = [msgspec.structs.asdict(support) for support in incident.detectors]
    for subject in aimed_at(policy, incident):
        target = Target(subject.type, subject.id, incident.tenant_id)
        history = known.histories.get(target_key(target), ())
        strikes = count_strikes(policy, incident, history, now)
        account = known.accounts.get(subject.id) if subject.type is SubjectType.ACCOUNT else None
        values: dict[str, Any] = {
            "incident": seen,
            "member": facts.member_facts(subject),
            "account": facts.account_facts(account, now),
            "history": {"strikes": strikes, "actions": _recent(history, now - policy.decay)},
        }
        try:
            if policy.members is not None and not policy.members.holds(make_context({**facts.SEVERITIES, **values})):
                continue
        except EvaluationError as error:
            problems.append(Problem(policy, f"{error} for {subject.type.value} {subject.id}"))
            continue
        accounts = _accounts_of(subject, incident)
        proposals.append(
            Proposal(
                policy=policy,
                incident=incident,
                target=target,
                rung=rung_for(policy, strikes),
                strikes=strikes,
                facts={**values, "detectors": detectors},
                org_id=_org_of(subject, accounts, known),
                account_ids=accounts,
            )
        )
    return proposals, problems


def aimed_at(policy: Policy, incident: Incident) -> Iterator[Subject]:
    """Offenders of the type that the policy acts on, strongest first, each once."""
    types = DEFAULT_PRINCIPALS if policy.principal is None else {policy.principal}
    done: set[tuple[SubjectType, str]] = set()
    for subject in incident.subjects:
        if subject.role is SubjectRole.OFFENDER and subject.type in types and (subject.type, subject.id) not in done:
            done.add((subject.type, subject.id))
            yield subject


def accounts_to_look_up(policies: Iterable[Policy], incident: Incident) -> set[str]:
    """Accounts whose facts `propose` and the gate need."""
    wanted: set[str] = set()
    for policy in policies:
        for subject in aimed_at(policy, incident):
            wanted.update(_accounts_of(subject, incident))
    return wanted


def longest_decay(policies: Iterable[Policy]) -> timedelta:
    """How far back the history of a target matters."""
    return max((policy.decay for policy in policies), default=timedelta(0))


def _accounts_of(subject: Subject, incident: Incident) -> tuple[str, ...]:
    """The accounts a principal belongs to, as far as the incident says: for a key or end user, those it names."""
    if subject.type is SubjectType.ACCOUNT:
        return (subject.id,)
    if subject.type is SubjectType.ORG:
        return ()
    return tuple(dict.fromkeys(other.id for other in incident.subjects if other.type is SubjectType.ACCOUNT))


def _org_of(subject: Subject, accounts: Sequence[str], known: Known) -> str | None:
    """The one organisation it belongs to; None when it is not known or there are several."""
    if subject.type is SubjectType.ORG:
        return subject.id
    found = {known.accounts[account].org_id for account in accounts if account in known.accounts}
    return found.pop() if len(found) == 1 else None


def _recent(history: Iterable[Action], since: datetime) -> int:
    return sum(1 for action in history if action.effect.restricts and action.at > since)
