"""Promised against realised false alarms of each detector, on traffic in which nobody attacks.

The promise is the budget of the settings: a detector of accounts raises at most so many incidents per 10,000 active
accounts and day, one of sources so many a week. Realised counts have exact intervals; `p_value` says how likely so many
or more are when the promise holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from scipy import stats

from detectors.base import Budget
from detectors.registry import all_detectors
from jobs.evaluation.intervals import poisson_rate
from jobs.evaluation.plans import PlannedRun
from jobs.evaluation.playing import play_all, processes, progress
from jobs.evaluation.scoring import RunScore

PER_ACCOUNT_DAYS = 10_000
_WEEK = timedelta(days=7)
_BY_WEEK = frozenset({"telemetry", "metrics", "drift", "behaviour"})
"""Families that watch streams, whose number does not grow with that of the accounts."""


def run(
    *,
    data: Path,
    seeds: int = 6,
    first_seed: int = 7001,
    days: int = 5,
    scale: str = "tiny",
    work: Path | None = None,
) -> dict[str, Any]:
    """Replay `seeds` quiet simulations of `days` days each. `work` keeps finished runs; `data` is not read."""
    plans = [
        PlannedRun(
            cast=f"null-{scale}-{days}d",
            scenarios=(),
            seed=seed,
            scale=scale,
            quiet=timedelta(0),
            duration=timedelta(days=days),
        )
        for seed in range(first_seed, first_seed + seeds)
    ]
    scores = [one.score for one in play_all(plans, work, progress, processes(), baselines=False)]
    return figures(scores, timedelta(days=seeds * days), Budget(), families())


def families() -> dict[str, str]:
    """The family of every detector there is."""
    return {detector.name: detector.family for detector in all_detectors()}


def figures(
    runs: Sequence[RunScore], simulated: timedelta, budget: Budget, detectors: Mapping[str, str]
) -> dict[str, Any]:
    """Per detector, the promised and the realised rate. An incident of several detectors counts for each of them."""
    account_days = sum(run.account_days for run in runs)
    alarms = [one for run in runs for one in (*run.false_incidents, *run.false_low)]
    counts = Counter(name for one in alarms for name in one.detectors)
    return {
        "simulated_days": simulated / timedelta(days=1),
        "account_days": account_days,
        "false_incidents": sum(len(run.false_incidents) for run in runs),
        "false_low_incidents": sum(len(run.false_low) for run in runs),
        "detectors": {
            name: _compared(counts[name], simulated, account_days, budget, by_week=family in _BY_WEEK)
            for name, family in detectors.items()
        },
    }


def _compared(count: int, simulated: timedelta, account_days: int, budget: Budget, *, by_week: bool) -> dict[str, Any]:
    promised = budget.false_pages_per_week if by_week else budget.false_incidents_per_10k_accounts_day
    exposure = simulated / _WEEK if by_week else account_days / PER_ACCOUNT_DAYS
    return {
        "per": "week" if by_week else f"{PER_ACCOUNT_DAYS:,} accounts and day",
        "alarms": count,
        "promised": promised,
        "realised": count / exposure if exposure else None,
        "realised_interval": poisson_rate(count, exposure),
        "p_value": float(stats.poisson.sf(count - 1, promised * exposure)) if count else 1.0,
    }
