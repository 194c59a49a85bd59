"""Why a policy matched an incident or did not: tenant, kind, severity, and each part of its conditions by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import cel
import msgspec

from enforcement.decide import aimed_at
from enforcement.policies import facts
from enforcement.policies.cel_syntax import Field, Name, Node, children, conjuncts
from enforcement.policies.cel_text import text_of
from enforcement.policies.condition import Condition, EvaluationError, make_context
from enforcement.policies.policy import Policy
from vigil.incident import Incident
from vigil.signal import Severity, Subject, SubjectType
from vigil.warehouse.accounts import AccountFacts

_SHOWN = 200


@dataclass(frozen=True)
class Part:
    """One part of a condition: its text, whether it holds (None: a fact it needs is not known, or of another type),
    and the facts it saw."""

    text: str
    holds: bool | None
    saw: str


@dataclass(frozen=True)
class Aim:
    """One offender: whether the policy means it, and the parts of `targets.members` (none: every offender is meant)."""

    subject: Subject
    meant: bool
    parts: Sequence[Part]


@dataclass(frozen=True)
class Explanation:
    """What one policy says of one incident."""

    policy: Policy
    matched: bool
    why: str
    """The first thing that spoke against it, or what follows."""
    parts: Sequence[Part]
    aims: Sequence[Aim]


def explain(policy: Policy, incident: Incident, accounts: Mapping[str, AccountFacts], now: datetime) -> Explanation:
    """What the policy says of the incident at `now`. `history` in `members` counts as unknown."""
    seen = {**facts.SEVERITIES, "incident": facts.incident_facts(incident, now)}
    if not policy.covers(incident.tenant_id):
        named = ", ".join(sorted(policy.tenants or ()))
        return Explanation(policy, False, f"it is for the tenants {named}, not for {incident.tenant_id}", (), ())
    parts = list(_parts(policy.when, seen))
    failing = next((part for part in parts if part.holds is not True), None)
    if failing is not None:
        because = (
            "does not hold" if failing.holds is False else "cannot be evaluated: a fact is unknown or another type"
        )
        return Explanation(policy, False, f"`{failing.text}` {because} ({failing.saw})", parts, ())
    if incident.severity < policy.least_severity:
        least = Severity(policy.least_severity).name
        return Explanation(policy, False, f"it asks nothing of severity, so it begins at {least}", parts, ())
    aims = (
        [_aim(policy, subject, accounts, seen, now) for subject in aimed_at(policy, incident)] if policy.ladder else []
    )
    meant = sum(aim.meant for aim in aims)
    what = f"it aims at {meant} of {len(aims)} offender(s)" if policy.ladder else f"it pages {policy.page}"
    return Explanation(policy, True, what, parts, aims)


def _aim(
    policy: Policy,
    subject: Subject,
    accounts: Mapping[str, AccountFacts],
    seen: Mapping[str, Any],
    now: datetime,
) -> Aim:
    account = accounts.get(subject.id) if subject.type is SubjectType.ACCOUNT else None
    values = {**seen, "member": facts.member_facts(subject), "account": facts.account_facts(account, now)}
    parts = [] if policy.members is None else list(_parts(policy.members, values))
    return Aim(subject, all(part.holds is True for part in parts), parts)


def _parts(condition: Condition, values: Mapping[str, Any]) -> Iterator[Part]:
    context = make_context(values)
    for node in conjuncts(condition.tree):
        part = Condition(text_of(node), node, cel.compile(text_of(node)))
        paths = _paths(node)
        known = all(_value(values, path) is not None for path in paths)
        try:
            holds: bool | None = part.holds(context)
        except EvaluationError:
            holds = None
        saw = ", ".join(f"{'.'.join(path)} is {_shown(values, path)}" for path in paths)
        yield Part(part.text, None if holds is False and not known else holds, saw)


def _paths(node: Node) -> list[tuple[str, ...]]:
    """The facts that a part asks for, as names from the outside in, each once."""
    path = _path(node)
    if len(path) > 1:
        return [path]
    found = [path for child in children(node) for path in _paths(child)]
    return list(dict.fromkeys(found))


def _path(node: Node) -> tuple[str, ...]:
    if isinstance(node, Name):
        return (node.name,)
    if isinstance(node, Field) and (of := _path(node.of)):
        return (*of, node.name)
    return ()


def _value(values: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = values
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _shown(values: Mapping[str, Any], path: tuple[str, ...]) -> str:
    value = _value(values, path)
    if value is None:
        return "unknown"
    if path == ("incident", "severity"):
        return Severity(value).name
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
