"""What a back-test says: blast radius, the difference to the live version, overlap, and precision against labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from enforcement.backtest.traffic import Share
from enforcement.policies.policy import Policy
from vigil.effect import Action, ActionState, Target
from vigil.record.labels import Verdict

TOP = 20
"""Principals listed by name."""

_HIT = (ActionState.DISPATCHED, ActionState.HELD)
"""Decisions that act on somebody, now or after a person's yes."""


class Labels(msgspec.Struct, frozen=True):
    """What people found: by incident, and by incident and subject id, which outranks it."""

    incidents: Mapping[str, Verdict]
    subjects: Mapping[tuple[str, str], Verdict]

    def of(self, action: Action) -> bool | None:
        """Whether the action was right; None when nobody said so."""
        verdict = self.subjects.get((action.incident_id or "", action.target.id)) or self.incidents.get(
            action.incident_id or ""
        )
        if verdict is None or verdict is Verdict.UNSURE:
            return None
        return verdict is Verdict.TRUE_POSITIVE


def hit(decided: Sequence[Action]) -> set[Target]:
    """Principals on whom a restriction would have been imposed or proposed."""
    return {action.target for action in decided if action.effect.restricts and action.state in _HIT}


def blast_radius(
    decided: Sequence[Action], shares: Mapping[Target, Share], totals: Mapping[str, Share]
) -> dict[str, Any]:
    """How many principals, and what share of accounts, calls and revenue (cost is what we know of revenue)."""
    targets = hit(decided)
    calls = sum(shares[target].calls for target in targets if target in shares)
    cost = sum(shares[target].cost_usd for target in targets if target in shares)
    accounts = {
        (action.target.tenant_id, action.account_id)
        for action in decided
        if action.target in targets and action.account_id is not None
    }
    all_calls = sum(total.calls for total in totals.values())
    all_cost = sum(total.cost_usd for total in totals.values())
    all_accounts = sum(total.accounts for total in totals.values())
    return {
        "principals": len(targets),
        "accounts": len(accounts),
        "share_of_accounts": _share(len(accounts), all_accounts),
        "calls": calls,
        "share_of_calls": _share(calls, all_calls),
        "cost_usd": round(cost, 4),
        "share_of_revenue": _share(cost, all_cost),
    }


def by_effect(decided: Sequence[Action]) -> dict[str, int]:
    """Decisions by effect and state, as `throttle dispatched`."""
    return dict(sorted(Counter(f"{action.effect.value} {action.state.value}" for action in decided).items()))


def difference(candidate: Sequence[Action], live: Sequence[Action]) -> dict[str, Any]:
    """Principals that only one of two versions hits, and those that both hit with another effect."""
    ours, theirs = _effects(candidate), _effects(live)
    changed = {target for target in ours.keys() & theirs.keys() if ours[target] != theirs[target]}
    return {
        "both": len(ours.keys() & theirs.keys()),
        "only_candidate": _named(ours.keys() - theirs.keys()),
        "only_live": _named(theirs.keys() - ours.keys()),
        "another_effect": _named(changed),
    }


def overlap(candidate: Sequence[Action], others: Mapping[str, Sequence[Action]]) -> dict[str, int]:
    """Principals that another policy hits as well, by policy."""
    ours = hit(candidate)
    counts = {name: len(ours & hit(decided)) for name, decided in others.items()}
    return {name: number for name, number in sorted(counts.items()) if number}


def precision(decided: Sequence[Action], labels: Labels) -> dict[str, Any]:
    """How many of the labelled restrictions were right. One count for each incident and principal."""
    said = {
        (action.incident_id, action.target): right
        for action in decided
        if action.effect.restricts and action.state in _HIT and (right := labels.of(action)) is not None
    }
    rights = sum(said.values())
    return {
        "labelled": len(said),
        "right": rights,
        "wrong": len(said) - rights,
        "precision": _share(rights, len(said)) if said else None,
    }


def top(decided: Sequence[Action], shares: Mapping[Target, Share]) -> list[dict[str, Any]]:
    """The principals hit that are worth most: by cost, then calls."""
    effects = _effects(decided)
    ranked = sorted(
        effects, key=lambda one: (-shares.get(one, Share()).cost_usd, -shares.get(one, Share()).calls, one.id)
    )
    return [
        {
            "tenant_id": target.tenant_id,
            "type": target.type.value,
            "id": target.id,
            "effects": sorted(effects[target]),
            "calls": shares.get(target, Share(0)).calls,
            "cost_usd": round(shares.get(target, Share(0)).cost_usd, 4),
        }
        for target in ranked[:TOP]
    ]


def describe(policy: Policy) -> dict[str, str]:
    """Which version."""
    return {"policy": policy.name, "version": policy.version}


def _effects(decided: Sequence[Action]) -> dict[Target, set[str]]:
    found: dict[Target, set[str]] = defaultdict(set)
    for action in decided:
        if action.effect.restricts and action.state in _HIT:
            found[action.target].add(action.effect.value)
    return dict(found)


def _named(targets: Collection[Target]) -> dict[str, Any]:
    names = sorted(f"{target.tenant_id}/{target.type.value}:{target.id}" for target in targets)
    return {"number": len(names), "examples": names[:TOP]}


def _share(part: float, whole: float) -> float:
    return round(part / whole, 6) if whole else 0.0
