"""The level of one test, from what people can bear: false incidents per accounts and day, false pages a week."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import false_discovery_control

from detectors.base import Budget

DAYS_PER_WEEK = 7


def account_level(budget: Budget, tests_per_account_day: float) -> float:
    """Level of a test made `tests_per_account_day` times a day for each account, so that all of them together raise
    the budgeted number of false incidents (Bonferroni: it holds however the tests depend on each other).

    >>> account_level(Budget(false_incidents_per_10k_accounts_day=0.24), tests_per_account_day=24)
    1e-06
    """
    return budget.false_incidents_per_10k_accounts_day / 10_000 / tests_per_account_day


def population_level(budget: Budget, accounts: int, looks_per_day: float) -> float:
    """Level of one look at a whole population of `accounts`, made `looks_per_day` times a day.

    >>> round(population_level(Budget(false_incidents_per_10k_accounts_day=0.1), accounts=50_000, looks_per_day=100), 6)
    0.005
    """
    return min(0.05, account_level(budget, looks_per_day) * max(accounts, 1))


def stream_level(budget: Budget, tests_per_week: float) -> float:
    """Level of each of `tests_per_week` tests of one stream, so that they raise the budgeted false pages a week.

    >>> round(stream_level(Budget(false_pages_per_week=0.1), tests_per_week=1_000), 6)
    0.0001
    """
    return min(0.05, budget.false_pages_per_week / tests_per_week)


def discoveries(p_values: Sequence[float], level: float) -> list[bool]:
    """Which hypotheses of one batch are rejected at false-discovery rate `level` (Benjamini and Hochberg 1995).

    >>> discoveries([0.001, 0.4, 0.008, 0.9], level=0.05)
    [True, False, True, False]
    """
    if not p_values:
        return []
    adjusted = false_discovery_control(np.asarray(p_values, dtype=float), method="bh")
    return [bool(value <= level) for value in adjusted]
