"""Confidence intervals and comparisons of counts, for figures that come from few instances. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from scipy import stats

LEVEL = 0.95
_RESAMPLES = 2_000

T = TypeVar("T")
Interval = tuple[float, float]


def wilson(successes: int, trials: int, level: float = LEVEL) -> Interval:
    """Wilson's interval of a share; (0, 1) without trials.

    >>> [round(edge, 3) for edge in wilson(9, 10)]
    [0.596, 0.982]
    """
    if trials == 0:
        return 0.0, 1.0
    interval = stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)


def poisson_rate(count: int, exposure: float, level: float = LEVEL) -> Interval:
    """Garwood's exact interval of a rate, `count` events in `exposure` units; (0, ∞) without exposure.

    >>> [round(edge, 2) for edge in poisson_rate(0, 2.0)]
    [0.0, 1.84]
    """
    if exposure <= 0:
        return 0.0, math.inf
    tail = (1 - level) / 2
    low = float(stats.chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    return low / exposure, float(stats.chi2.ppf(1 - tail, 2 * count + 2)) / 2 / exposure


def bootstrap(groups: Sequence[T], statistic: Callable[[Sequence[T]], float | None], level: float = LEVEL) -> Interval:
    """Percentile interval of a statistic over resampled groups (seeds), which is what varies; (nan, nan) if it is never
    defined. The same groups give the same interval.
    """
    rng = np.random.default_rng(0)
    values = []
    for _ in range(_RESAMPLES if len(groups) > 1 else 1):
        value = statistic([groups[index] for index in rng.integers(0, len(groups), len(groups)).tolist()])
        if value is not None:
            values.append(value)
    if not values:
        return math.nan, math.nan
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def rose(before: int, exposure_before: float, now: int, exposure_now: float) -> float:
    """p-value that a rate has not risen, from two counts (the conditional binomial test of two Poisson rates).

    >>> rose(0, 1.0, 5, 1.0) < 0.05 < rose(0, 1.0, 2, 1.0)
    True
    """
    if before + now == 0 or exposure_now <= 0:
        return 1.0
    share = exposure_now / (exposure_before + exposure_now)
    return float(stats.binomtest(now, before + now, share, alternative="greater").pvalue)


def more_lost_than_won(lost: int, won: int) -> float:
    """p-value that pairs are as often won as lost (McNemar's exact test, one-sided).

    >>> more_lost_than_won(5, 0) < 0.05 < more_lost_than_won(4, 0)
    True
    """
    return float(stats.binomtest(lost, lost + won, alternative="greater").pvalue) if lost + won else 1.0
