"""p-values keep their promise: under the null, P(p ≤ α) ≤ α within Monte-Carlo error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, expon, norm

from detectors.base import Budget
from detectors.calibration import poisson_binomial
from detectors.calibration.gamma_poisson import GammaPoisson
from detectors.calibration.levels import account_level, discoveries, population_level, stream_level
from detectors.calibration.tail import fit_tail

ALPHAS = (0.2, 0.05, 0.01)


def assert_valid(p_values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """P(p ≤ α) exceeds α by no more than four standard errors."""
    n = len(p_values)
    for alpha in ALPHAS:
        assert np.mean(p_values <= alpha) <= alpha + 4 * math.sqrt(alpha * (1 - alpha) / n)


@pytest.mark.parametrize(("mean", "variance"), [(40.0, 40.0), (40.0, 400.0), (3.0, 9.0)])
def test_gamma_poisson_tails_are_valid_in_both_directions(mean: float, variance: float) -> None:
    rng = np.random.default_rng(1)
    excess = variance - mean
    rates = rng.gamma(mean**2 / excess, excess / mean, 4_000) if excess else np.full(4_000, mean)
    counts = rng.poisson(rates)
    model = GammaPoisson(mean, variance)
    assert_valid(np.array([model.at_most(count) for count in counts]))
    assert_valid(np.array([model.at_least(count) for count in counts]))


@given(mean=st.floats(0.1, 1e4), ratio=st.floats(1, 100), count=st.integers(0, 20_000))
def test_the_two_gamma_poisson_tails_cover_everything_once(mean: float, ratio: float, count: int) -> None:
    model = GammaPoisson(mean, mean * ratio)
    assert model.at_most(count) + model.at_least(count + 1) == pytest.approx(1, abs=1e-6)
    # Far out scipy answers with subnormal numbers or 0, in no order.
    assert model.at_most(count) <= model.at_most(count + 1) + 1e-300


@pytest.mark.parametrize("mean", [0.0, -1.0, math.inf])
def test_a_gamma_poisson_without_a_mean_is_refused(mean: float) -> None:
    with pytest.raises(ValueError, match="positive mean"):
        GammaPoisson(mean, 1.0)


@settings(deadline=None)
@given(n=st.integers(1, 80), count=st.integers(0, 80), p=st.floats(1e-4, 1 - 1e-4))
def test_poisson_binomial_is_binomial_when_all_are_alike(n: int, count: int, p: float) -> None:
    expected = float(binom.sf(count - 1, n, p)) if count <= n else 0.0
    assert poisson_binomial.at_least(count, [p] * n) == pytest.approx(expected, rel=1e-6, abs=1e-300)


def test_poisson_binomial_is_valid_for_unlike_events() -> None:
    rng = np.random.default_rng(2)
    probabilities = rng.beta(1, 8, 30)
    counts = (rng.random((3_000, 30)) < probabilities).sum(axis=1)
    by_count = [poisson_binomial.at_least(count, list(probabilities)) for count in range(31)]
    assert_valid(np.array([by_count[count] for count in counts]))


@pytest.mark.parametrize("population", [2_000, 20_000])
@pytest.mark.parametrize("scipy_distribution", [expon, norm])
def test_the_tail_beyond_the_data_is_hardly_ever_promised_to_be_much_rarer_than_it_is(
    population: int, scipy_distribution: Any
) -> None:
    rng = np.random.default_rng(3)
    rare = float(scipy_distribution.isf(1e-6))
    ratios = []
    for _ in range(100):
        sample = scipy_distribution.isf(rng.random(population))
        threshold = float(np.quantile(sample, 0.98))
        tail = fit_tail(list(sample[sample > threshold]), threshold, population)
        assert tail is not None
        ratios.append(tail.beyond(rare) / 1e-6)
    assert np.quantile(ratios, 0.05) > 0.2
    assert np.median(ratios) < 200


def test_a_tail_needs_enough_values() -> None:
    assert fit_tail([2.0] * 19, 1.0, 1_000) is None


def test_a_tail_inverts() -> None:
    rng = np.random.default_rng(4)
    sample = rng.exponential(1.0, 5_000)
    tail = fit_tail(list(sample[sample > 3]), 3.0, 5_000)
    assert tail is not None
    assert tail.beyond(tail.quantile(1e-5)) == pytest.approx(1e-5)
    assert tail.beyond(2.0) == 1.0


def test_discoveries_keep_the_false_discovery_rate() -> None:
    rng = np.random.default_rng(5)
    runs = [sum(discoveries(list(rng.random(50)), 0.05)) > 0 for _ in range(2_000)]
    assert np.mean(runs) <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 2_000)
    assert discoveries([], 0.05) == []


def test_levels_spend_the_budget_and_no_more() -> None:
    budget = Budget(false_incidents_per_10k_accounts_day=0.5, false_pages_per_week=0.2)
    assert account_level(budget, 24) * 24 * 10_000 == pytest.approx(0.5)
    assert population_level(budget, 2_000, 10) * 10 == pytest.approx(0.1)
    assert stream_level(budget, 400) * 400 == pytest.approx(0.2)
