"""Tests beside policies: facts in, expected effects out. A file `NAME.test.yaml` beside the policies, read with the
same messages, run through the same deciding and the same gate as production, as if the policy were live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from enforcement.policies.policy import Policy
from enforcement.policies.reader import PRINCIPALS
from enforcement.policies.yaml_lines import Value, read
from vigil.effect import EffectKind
from vigil.incident import DetectorSupport, Evidence, Incident, IncidentState
from vigil.signal import IncidentKind, Severity, Subject, SubjectRole, SubjectType, Window
from vigil.warehouse.accounts import AccountFacts

SUFFIX = ".test.yaml"
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
"""The moment at which cases happen."""

_HOUR = timedelta(hours=1)
_EFFECTS = [kind.value for kind in EffectKind if kind not in (EffectKind.LIFT, EffectKind.PAGE)]


@dataclass(frozen=True)
class Case:
    """One case: an incident with what is known of its members, and what should come of it."""

    policy: Policy
    name: str
    where: str
    incident: Incident
    accounts: Mapping[str, AccountFacts]
    strikes: Mapping[str, int]
    """By member."""
    expected: Mapping[str, str]
    """By member: an effect, `held EFFECT`, `suppressed EFFECT` or `none`."""
    page: bool | None
    """Whether somebody is paged; None: not asked."""


def read_cases(folder: Path, policies: Sequence[Policy]) -> list[Case]:
    """The cases of all test files in a folder. Raises ConfigError naming file and line."""
    known = {policy.name: policy for policy in policies}
    return [
        case
        for file in sorted(folder.glob(f"*{SUFFIX}"))
        for case in _cases(read(file, f"{folder.name}/{file.name}")[1], known, file)
    ]


def _cases(top: Value, known: Mapping[str, Policy], file: Path) -> list[Case]:
    fields = top.mapping(("policy", "cases"), required=("policy", "cases"))
    policy = known[fields["policy"].one_of(known)]
    return [_case(policy, value, number, file) for number, value in enumerate(fields["cases"].items(), start=1)]


def _case(policy: Policy, value: Value, number: int, file: Path) -> Case:
    fields = value.mapping(
        ("name", "incident", "members", "expect", "page"), required=("name", "incident", "members", "expect")
    )
    accounts: dict[str, AccountFacts] = {}
    strikes: dict[str, int] = {}
    subjects = tuple(_member(member, accounts, strikes) for member in fields["members"].items())
    names = [subject.id for subject in subjects]
    expected = {name: _expectation(inner) for name, inner in fields["expect"].mapping(names, required=names).items()}
    page = None if "page" not in fields else fields["page"].one_of(("true", "false")) == "true"
    name = fields["name"].text("what the case shows")
    incident = _incident(fields["incident"], f"inc_{number}", subjects)
    return Case(policy, name, f"{file.name}, case {number}", incident, accounts, strikes, expected, page)


def _incident(value: Value, incident_id: str, subjects: tuple[Subject, ...]) -> Incident:
    fields = value.mapping(
        ("kind", "severity", "tenant", "families", "score", "age", "facts"), required=("kind", "severity")
    )
    families = [item.text("a family") for item in fields["families"].items()] if "families" in fields else ["accounts"]
    score = float(fields["score"].number()) if "score" in fields else 1.0
    opened = NOW - (fields["age"].duration() if "age" in fields else timedelta(0))
    facts: dict[str, Any] = fields["facts"].plain() if "facts" in fields else {}
    return Incident(
        incident_id=incident_id,
        tenant_id=fields["tenant"].text("a tenant") if "tenant" in fields else "acme",
        kind=IncidentKind(fields["kind"].one_of([kind.value for kind in IncidentKind])),
        severity=Severity[fields["severity"].one_of([one.label for one in Severity]).upper()],
        state=IncidentState.OPEN,
        fingerprint=incident_id,
        title="a case",
        summary="",
        opened_at=opened,
        updated_at=NOW,
        window=Window(NOW - _HOUR, NOW),
        subjects=subjects,
        detectors=tuple(DetectorSupport(f"{family}_detector", "1", family, score) for family in families),
        evidence=Evidence((), facts),
    )


def _member(value: Value, accounts: dict[str, AccountFacts], strikes: dict[str, int]) -> Subject:
    fields = value.mapping(("id", "type", "score", "role", "account", "strikes"), required=("id",))
    kinds = [kind.value for kind in SubjectType]
    name = fields["id"].text("an id")
    subject = Subject(
        SubjectType(fields["type"].one_of(kinds)) if "type" in fields else SubjectType.ACCOUNT,
        name,
        float(fields["score"].number()) if "score" in fields else 1.0,
        SubjectRole(fields["role"].one_of([role.value for role in SubjectRole]))
        if "role" in fields
        else SubjectRole.OFFENDER,
    )
    if "strikes" in fields:
        if subject.type not in PRINCIPALS:
            fields["strikes"].fail(f"a {subject.type.value} has no strikes")
        strikes[name] = fields["strikes"].whole(0, 100)
    if "account" in fields:
        accounts[name] = _account(fields["account"], name)
    return subject


def _account(value: Value, name: str) -> AccountFacts:
    fields = value.mapping(("org", "age_days", "calls", "refusals", "cost_usd"))
    age = timedelta(days=float(fields["age_days"].number())) if "age_days" in fields else None
    return AccountFacts(
        account_id=name,
        org_id=fields["org"].text("an organisation") if "org" in fields else None,
        first_seen=None if age is None else NOW - age,
        calls=fields["calls"].whole(0) if "calls" in fields else 0,
        refusals=fields["refusals"].whole(0) if "refusals" in fields else 0,
        cost_usd=float(fields["cost_usd"].number()) if "cost_usd" in fields else 0.0,
    )


def _expectation(value: Value) -> str:
    known = ["none", *(f"{state}{effect}" for state in ("", "held ", "suppressed ") for effect in _EFFECTS)]
    return value.one_of(known)
