"""One restriction from its decision to its end, put together from the entries of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from vigil.effect import EffectKind, LedgerEntry
from vigil.record import ledger
from vigil.record.schema import incidents

_RESTRICTING = frozenset(kind.value for kind in EffectKind if kind.restricts)
_CHUNK = 500


@dataclass
class Case:
    """A restriction as the ledger tells it. Grows entry by entry while the ledger is read, and is not changed after."""

    action_id: str
    decided_at: datetime
    decided_by: str
    effect: str
    parameters: Mapping[str, Any]
    target: Mapping[str, str]
    policy: str
    policy_version: str
    incident_id: str | None
    expires_at: str | None
    state: str
    reason: str
    approved_by: list[str] = field(default_factory=list)
    in_force_at: datetime | None = None
    rejected_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    undone: bool = False
    appeals: list[tuple[datetime, datetime | None, str | None]] = field(default_factory=list)
    """(opened, decided, outcome)"""

    @property
    def is_by_person(self) -> bool:
        """A person proposed it, not a rule."""
        return not self.decided_by.startswith("policy:")


def read_cases(connection: Connection, since: datetime | None, until: datetime | None) -> list[Case]:
    """Restrictions decided in [since, until), each with all that became of it until now, in the order of decisions."""
    cases: dict[str, Case] = {}
    lifts: dict[str, str] = {}
    for entry in ledger.stream(connection):
        payload: dict[str, Any] = msgspec.json.decode(entry.payload)
        if entry.entry_type == "decided":
            if payload.get("reverses"):
                lifts[payload["action_id"]] = payload["reverses"]
                _reversed(cases.get(payload["reverses"]), entry, payload)
            elif payload.get("effect") in _RESTRICTING and _within(entry.at, since, until):
                cases[payload["action_id"]] = _case(entry, payload)
            continue
        action_id = payload.get("action_id")
        case = cases.get(str(action_id))
        if case is not None:
            _follow(case, entry, payload)
    return list(cases.values())


def kinds_of(connection: Connection, cases: Iterable[Case]) -> dict[str, str]:
    """Kinds of the incidents behind the cases, by incident."""
    ids = sorted({case.incident_id for case in cases if case.incident_id is not None})
    found: dict[str, str] = {}
    for start in range(0, len(ids), _CHUNK):
        query = select(incidents.c.incident_id, incidents.c.kind).where(
            incidents.c.incident_id.in_(ids[start : start + _CHUNK])
        )
        found |= {row.incident_id: row.kind for row in connection.execute(query)}
    return found


def _case(entry: LedgerEntry, payload: Mapping[str, Any]) -> Case:
    return Case(
        action_id=payload["action_id"],
        decided_at=entry.at,
        decided_by=entry.actor,
        effect=payload["effect"],
        parameters=payload["parameters"],
        target=payload["target"],
        policy=payload["policy"],
        policy_version=payload["policy_version"],
        incident_id=payload["incident_id"],
        expires_at=payload["expires_at"],
        state=payload["state"],
        reason=payload["reason"],
    )


def _reversed(case: Case | None, entry: LedgerEntry, payload: Mapping[str, Any]) -> None:
    if case is not None:
        case.ended_by = entry.actor
        case.undone = case.undone or payload["parameters"].get("reason") == "undone"


def _follow(case: Case, entry: LedgerEntry, payload: Mapping[str, Any]) -> None:
    match entry.entry_type:
        case "approved":
            case.approved_by.append(entry.actor)
        case "confirmed":
            case.in_force_at = case.in_force_at or entry.at
        case "rejected":
            case.rejected_at = entry.at
        case "lifted" | "withdrawn":
            case.ended_at = entry.at
            case.ended_by = case.ended_by or entry.actor
        case "strike_removed" | "undone":
            case.undone = True
        case "appeal_opened":
            case.appeals.append((entry.at, None, None))
        case "appeal_decided" if case.appeals:
            opened, _, _ = case.appeals.pop()
            case.appeals.append((opened, entry.at, payload["outcome"]))


def _within(at: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or at >= since) and (until is None or at < until)
