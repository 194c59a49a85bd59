"""What the policies want for one incident: values in, proposals out. Pure; the gate and the record come after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from enforcement.gate.ladder import rung_for
from enforcement.histories import Histories
from enforcement.place import Place, accounts_of, place_of
from enforcement.policies import facts
from enforcement.policies.condition import EvaluationError, make_context
from enforcement.policies.policy import Policy
from enforcement.proposal import Proposal
from enforcement.strikes import count_strikes, narrowest
from vigil.effect import Action
from vigil.incident import Incident
from vigil.signal import Subject, SubjectRole, SubjectType
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
    histories: Histories


@dataclass(frozen=True)
class Matched:
    """What the `when` of the policies say of one incident."""

    incident: Incident
    policies: Sequence[Policy]
    problems: Sequence[Problem]
    facts: Mapping[str, Any]
    """`incident` as the conditions saw it."""
    _aimed: dict[tuple[SubjectType, ...], tuple[Subject, ...]] = field(default_factory=dict, compare=False)

    def aimed(self, policy: Policy) -> tuple[Subject, ...]:
        """Offenders that a policy acts on, found once for all policies that act on the same types."""
        found = self._aimed.get(policy.principals)
        if found is None:
            found = self._aimed[policy.principals] = tuple(aimed_at(policy, self.incident))
        return found


def matching(candidates: Sequence[Policy], incident: Incident, now: datetime) -> Matched:
    """Which of the candidates' `when` hold, in their order, and which could not be evaluated."""
    seen = facts.incident_facts(incident, now)
    context = make_context({**facts.SEVERITIES, "incident": seen})
    matched: list[Policy] = []
    problems: list[Problem] = []
    for policy in candidates:
        try:
            if policy.when.holds(context):
                matched.append(policy)
        except EvaluationError as error:
            problems.append(Problem(policy, str(error)))
    return Matched(incident, matched, problems, seen)


def propose(policy: Policy, matched: Matched, known: Known, now: datetime) -> tuple[list[Proposal], list[Problem]]:
    """One proposal for each offender that the policy aims at, strongest first. The policy's `when` holds already."""
    proposals: list[Proposal] = []
    problems: list[Problem] = []
    if not policy.ladder:
        return [], []
    incident = matched.incident
    detectors = [msgspec.structs.asdict(support) for support in incident.detectors]
    for subject in matched.aimed(policy):
        place = narrowest(policy, place_of(subject, incident, known.accounts), known.histories, now)
        strikes = count_strikes(policy, incident, place, known.histories, now)
        account = known.accounts.get(subject.id) if subject.type is SubjectType.ACCOUNT else None
        values: dict[str, Any] = {
            "incident": matched.facts,
            "member": facts.member_facts(subject),
            "account": facts.account_facts(account, now),
            "history": {"strikes": strikes, "actions": _recent(known.histories.of(place), now - policy.decay)},
        }
        try:
            if not is_meant(policy, values):
                continue
        except EvaluationError as error:
            problems.append(Problem(policy, f"{error} for {subject.type.value} {subject.id}"))
            continue
        proposals.append(
            Proposal(
                policy=policy,
                incident=incident,
                target=place.target,
                rung=rung_for(policy, strikes),
                strikes=strikes,
                facts={**values, "detectors": detectors},
                org_id=place.org_id,
                account_ids=place.account_ids,
            )
        )
    return proposals, problems


def is_meant(policy: Policy, values: Mapping[str, Any]) -> bool:
    """Whether `targets.members` holds of one offender's facts. Raises EvaluationError."""
    if policy.members is None:
        return True
    # Converting facts costs ten times an evaluation: only those that the condition asks for.
    asked = policy.members.names
    return policy.members.holds(
        make_context({name: value for name, value in (*facts.SEVERITIES.items(), *values.items()) if name in asked})
    )


def aimed_at(policy: Policy, incident: Incident) -> Iterator[Subject]:
    """Offenders of the type that the policy acts on, strongest first, each once.

    Of several types, narrowest first, those of the first one that the incident names.
    """
    types = set(DEFAULT_PRINCIPALS)
    if policy.principals:
        named = {subject.type for subject in incident.subjects if subject.role is SubjectRole.OFFENDER}
        types = {next((kind for kind in policy.principals if kind in named), policy.principals[0])}
    done: set[tuple[SubjectType, str]] = set()
    for subject in incident.subjects:
        if subject.role is SubjectRole.OFFENDER and subject.type in types and (subject.type, subject.id) not in done:
            done.add((subject.type, subject.id))
            yield subject


def places_of(matched: Matched, accounts: Mapping[str, AccountFacts]) -> Iterator[Place]:
    """The principals whose histories `propose` and the gate need, with those they may be widened to."""
    for policy in matched.policies:
        if not policy.ladder:
            continue
        for subject in matched.aimed(policy):
            place = place_of(subject, matched.incident, accounts)
            yield place
            for wider in policy.principals[1:]:
                if (widened := place.widened(wider)) is not None:
                    yield widened


def accounts_to_look_up(matched: Matched) -> set[str]:
    """Accounts whose facts `propose` and the gate need."""
    return {
        account
        for policy in matched.policies
        if policy.ladder
        for subject in matched.aimed(policy)
        for account in accounts_of(subject, matched.incident)
    }


def longest_decay(policies: Iterable[Policy]) -> timedelta:
    """How far back the history of a target matters."""
    return max((policy.decay for policy in policies), default=timedelta(0))


def _recent(history: Iterable[Action], since: datetime) -> int:
    return sum(1 for action in history if action.effect.restricts and action.at > since)
