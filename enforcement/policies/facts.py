"""The facts that conditions see: their names and types, and how they are read off an incident.

A fact that is not known is absent, never zero: a condition that needs it does not hold, and `has()` asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from enforcement.policies.cel_types import ANY, DOUBLE, INT, STRING, Type, choice, list_of, map_of, struct
from vigil.incident import Incident
from vigil.signal import IncidentKind, Severity, Subject, SubjectRole, SubjectType
from vigil.warehouse.accounts import AccountFacts

SEVERITIES: Mapping[str, int] = {severity.name: int(severity) for severity in Severity}
"""Constants that conditions may use: LOW < MEDIUM < HIGH < CRITICAL."""

_INCIDENT = struct(
    "incident",
    id=STRING,
    tenant=STRING,
    kind=choice(kind.value for kind in IncidentKind),
    severity=INT,
    score=DOUBLE,
    families=list_of(STRING),
    detectors=list_of(STRING),
    size=INT,
    age_minutes=INT,
    facts=map_of(ANY),
)
_MEMBER = struct(
    "member",
    type=choice(kind.value for kind in SubjectType),
    id=STRING,
    score=DOUBLE,
    role=choice(role.value for role in SubjectRole),
)
_ACCOUNT = struct("account", id=STRING, org=STRING, age_days=DOUBLE, calls=INT, refusals=INT, cost_usd=DOUBLE)
_HISTORY = struct("history", strikes=INT, actions=INT)

_CONSTANTS: Mapping[str, Type] = dict.fromkeys(SEVERITIES, INT)

WHEN: Mapping[str, Type] = {"incident": _INCIDENT, **_CONSTANTS}
"""What `when` may ask."""

MEMBERS: Mapping[str, Type] = {**WHEN, "member": _MEMBER, "account": _ACCOUNT, "history": _HISTORY}
"""What `targets.members` may ask, once for each offender."""

EXAMPLE: Mapping[str, Any] = {
    **SEVERITIES,
    "incident": {
        "id": "inc_0",
        "tenant": "acme",
        "kind": "coordinated_ring",
        "severity": 3,
        "score": 0.9,
        "families": ["coordination"],
        "detectors": ["shared_template"],
        "size": 12,
        "age_minutes": 5,
        "facts": {},
    },
    "member": {"type": "account", "id": "mallory", "score": 0.9, "role": "offender"},
    "account": {"id": "mallory", "org": "o1", "age_days": 3.0, "calls": 10, "refusals": 1, "cost_usd": 0.5},
    "history": {"strikes": 0, "actions": 0},
}
"""A complete set of facts, on which each condition is tried when it is loaded."""


def incident_facts(incident: Incident, now: datetime) -> dict[str, Any]:
    """`incident` as conditions see it at `now`. `size` counts offenders."""
    return {
        "id": incident.incident_id,
        "tenant": incident.tenant_id,
        "kind": incident.kind.value,
        "severity": int(incident.severity),
        "score": float(incident.score),
        "families": list(incident.families),
        "detectors": sorted({support.name for support in incident.detectors}),
        "size": sum(1 for subject in incident.subjects if subject.role is SubjectRole.OFFENDER),
        "age_minutes": max(0, int((now - incident.opened_at).total_seconds() // 60)),
        "facts": msgspec.to_builtins(incident.evidence.facts),
    }


def member_facts(subject: Subject) -> dict[str, Any]:
    """`member` as conditions see it."""
    return {
        "type": subject.type.value,
        "id": subject.id,
        "score": float(subject.score),
        "role": subject.role.value,
    }


def account_facts(known: AccountFacts | None, now: datetime) -> dict[str, Any]:
    """`account` as conditions see it at `now`; empty for a principal that is no account."""
    if known is None:
        return {}
    facts: dict[str, Any] = {
        "id": known.account_id,
        "calls": known.calls,
        "refusals": known.refusals,
        "cost_usd": float(known.cost_usd),
    }
    if known.org_id is not None:
        facts["org"] = known.org_id
    if known.first_seen is not None:
        facts["age_days"] = max(0.0, (now - known.first_seen).total_seconds() / 86_400)
    return facts
