"""Counts for transparency reports: what Art. 15(1)(c)–(e) and Art. 24 of the Digital Services Act ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from enforcement.exports.cases import Case
from enforcement.exports.statements import automation


def report(cases: Sequence[Case], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Restrictions decided in the span: how many, of what kind, by whom; complaints, their outcome and time; errors.

    `error_rate_of_automation` is the share of automated restrictions in force that a person undid or overturned.
    """
    in_force = [case for case in cases if case.in_force_at is not None]
    appeals = [(opened, decided, outcome) for case in cases for opened, decided, outcome in case.appeals]
    hours = [(decided - opened).total_seconds() / 3_600 for opened, decided, _ in appeals if decided is not None]
    automated = [case for case in in_force if automation(case) == "AUTOMATED_DECISION_FULLY"]
    return {
        "restrictions": len(in_force),
        "restrictions_by_effect": dict(Counter(case.effect for case in in_force)),
        "restrictions_by_ground": dict(Counter(kinds.get(case.incident_id or "", "none") for case in in_force)),
        "restrictions_by_automation": dict(Counter(automation(case) for case in in_force)),
        "suspensions_of_accounts": sum(1 for case in in_force if case.effect in ("suspend", "ban")),
        "proposals_rejected_by_persons": sum(1 for case in cases if case.rejected_at is not None),
        "complaints": len(appeals),
        "complaints_by_outcome": dict(Counter(outcome or "open" for _, _, outcome in appeals)),
        "median_hours_to_decide_complaints": round(median(hours), 2) if hours else None,
        "restrictions_undone": sum(1 for case in in_force if case.undone),
        "error_rate_of_automation": round(sum(map(_was_wrong, automated)) / len(automated), 4) if automated else None,
    }


def flat(counts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and value of every figure, nested ones as `name: key`."""
    for name, value in counts.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}: {key}", number) for key, number in sorted(value.items()))
        else:
            yield name, "" if value is None else value


def _was_wrong(case: Case) -> bool:
    return case.undone or any(outcome == "overturned" for _, _, outcome in case.appeals)
