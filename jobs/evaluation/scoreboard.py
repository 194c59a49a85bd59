"""Scores of several runs together, with intervals. Pure: `RunScore`s in, the figures of contract section 4 out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jobs.evaluation.intervals import bootstrap, poisson_rate, wilson
from jobs.evaluation.scoring import InstanceScore, RunScore

PER = 1000
"""Account-days to which rates of false incidents refer."""


def scoreboard(runs: Sequence[RunScore]) -> dict[str, Any]:
    """All figures but the baselines'."""
    attacks = [one for run in runs for one in run.instances if not one.lookalike]
    scenarios = sorted({one.scenario for one in attacks})
    return {
        **overall(runs),
        "scenarios": {name: of_attacks([one for one in attacks if one.scenario == name]) for name in scenarios},
        "lookalikes": _lookalikes(runs),
        "false_incidents_by_kind": _false_by(runs),
        "detectors": detectors(runs),
        "curve": curve(runs),
    }


def overall(runs: Sequence[RunScore]) -> dict[str, Any]:
    """The figures that a detection stack has as a whole, a baseline's as well."""
    attacks = [one for run in runs for one in run.instances if not one.lookalike]
    account_days = sum(run.account_days for run in runs)
    false = sum(len(run.false_incidents) for run in runs)
    violations = sum(len(one.violations) for run in runs for one in run.instances)
    seeds = _by_seed(runs)
    return {
        **of_attacks(attacks),
        "subject_precision_interval": bootstrap(seeds, lambda some: _precision(_attacks(some))),
        "subject_recall_interval": bootstrap(seeds, lambda some: _recall(_attacks(some))),
        "false_incidents": false,
        "false_incidents_per_1000_account_days": PER * false / account_days if account_days else None,
        "false_incidents_interval": [PER * edge for edge in poisson_rate(false, account_days)],
        "misnamed_incidents": sum(run.misnamed for run in runs),
        "false_low_incidents": sum(len(run.false_low) for run in runs),
        "lookalike_violations": violations,
        "wrongly_acted_accounts": sum(len(run.wrongly_acted) for run in runs),
        "account_days": account_days,
        "seeds": len(seeds),
    }


def of_attacks(attacks: Sequence[InstanceScore]) -> dict[str, Any]:
    """Figures of instances of attacks.

    Precision and recall of subjects are means over instances, so that a large ring weighs no more than a small one:
    precision over those in which somebody was named, recall over all, a missed one counting as none of its subjects.
    Delays are those of the instances found.
    """
    found = [one for one in attacks if one.found]
    delays = [one.delay_s for one in found if one.delay_s is not None]
    return {
        "instances": len(attacks),
        "found": len(found),
        "found_share_interval": wilson(len(found), len(attacks)),
        "recorded": sum(one.recorded for one in attacks),
        "subject_precision": _precision(attacks),
        "subject_recall": _recall(attacks),
        "median_delay_s": float(np.median(delays)) if delays else None,
        "p90_delay_s": float(np.quantile(delays, 0.9)) if delays else None,
    }


def detectors(runs: Sequence[RunScore]) -> dict[str, dict[str, int]]:
    """For each detector: instances found with its help, those that would be lost without it, false incidents it
    supports, and those that would go without it."""
    tally: dict[str, Counter[str]] = {}
    for run in runs:
        for instance in run.instances:
            for name in {name for finders in instance.finders for name in finders}:
                only = all(set(finders) <= {name} for finders in instance.finders)
                tally.setdefault(name, Counter()).update(found=1, lost_without=int(only))
        for incident in run.false_incidents:
            for name in incident.detectors:
                only = set(incident.detectors) == {name}
                tally.setdefault(name, Counter()).update(false_incidents=1, false_without_others=int(only))
    keys = ("found", "lost_without", "false_incidents", "false_without_others")
    return {name: {key: counts[key] for key in keys} for name, counts in sorted(tally.items())}


def curve(runs: Sequence[RunScore]) -> list[dict[str, float]]:
    """Recall against false incidents as the evidence asked for grows: for each strength at which either changes."""
    attacks = _attacks(runs)
    account_days = sum(run.account_days for run in runs)
    best = sorted((max(one.strengths) for one in attacks if one.strengths), reverse=True)
    false = sorted((one.strength for run in runs for one in run.false_incidents), reverse=True)
    if not attacks or not account_days:
        return []
    return [
        {
            "strength": limit,
            "recall": sum(value >= limit for value in best) / len(attacks),
            "false_incidents_per_1000_account_days": PER * sum(value >= limit for value in false) / account_days,
        }
        for limit in sorted({*best, *false}, reverse=True)
    ]


def _attacks(runs: Iterable[RunScore]) -> list[InstanceScore]:
    return [one for run in runs for one in run.instances if not one.lookalike]


def _by_seed(runs: Sequence[RunScore]) -> list[RunScore]:
    """The runs of a seed joined into one: seeds are what is resampled."""
    joined: dict[int, list[RunScore]] = {}
    for run in runs:
        joined.setdefault(run.seed, []).append(run)
    return [
        RunScore(
            name=f"seed {seed}",
            seed=seed,
            account_days=sum(run.account_days for run in some),
            instances=tuple(one for run in some for one in run.instances),
            false_incidents=tuple(one for run in some for one in run.false_incidents),
            wrongly_acted=tuple(one for run in some for one in run.wrongly_acted),
        )
        for seed, some in sorted(joined.items())
    ]


def _precision(attacks: Sequence[InstanceScore]) -> float | None:
    shares = [one.right / one.named for one in attacks if one.named]
    return float(np.mean(shares)) if shares else None


def _recall(attacks: Sequence[InstanceScore]) -> float | None:
    shares = [one.right / one.wanted for one in attacks if one.wanted]
    return float(np.mean(shares)) if shares else None


def _lookalikes(runs: Sequence[RunScore]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for run in runs:
        for one in run.instances:
            if one.lookalike:
                found.setdefault(one.scenario, Counter()).update(instances=1, violations=len(one.violations))
    return {
        name: {"instances": counts["instances"], "violations": counts["violations"]}
        for name, counts in sorted(found.items())
    }


def _false_by(runs: Sequence[RunScore]) -> dict[str, float]:
    account_days = sum(run.account_days for run in runs)
    counts = Counter(one.kind for run in runs for one in run.false_incidents)
    return {kind: PER * number / account_days for kind, number in sorted(counts.items())} if account_days else {}


def pooled_baselines(runs: Mapping[str, Sequence[RunScore]]) -> dict[str, dict[str, Any]]:
    """The same figures of each baseline, with those of its scenarios."""
    pooled = {}
    for name, some in runs.items():
        board = scoreboard(some)
        pooled[name] = {key: value for key, value in board.items() if key not in ("detectors", "lookalikes")}
    return pooled
