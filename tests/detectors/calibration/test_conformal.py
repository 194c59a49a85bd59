"""Conformal p-values keep their promise, and find out when their calibration is not what it should be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from detectors.calibration.conformal import CrossConformal, Matrix, Vector, contaminated, p_values


def distance(reference: Matrix) -> Callable[[Matrix], Vector]:
    """A score with an exponential tail: the distance from the median, of exponential data."""
    centre = np.median(reference, axis=0)
    return lambda rows: np.asarray(np.abs(rows - centre).max(axis=1))


def test_p_values_of_ordinary_scores_are_uniform() -> None:
    rng = np.random.default_rng(1)
    found = np.concatenate([p_values(rng.exponential(size=199), rng.exponential(size=1)) for _ in range(4_000)])
    for alpha in (0.01, 0.05, 0.2, 0.5):
        assert abs(np.mean(found <= alpha) - alpha) < 4 * np.sqrt(alpha / len(found))


def test_an_ordinary_calibration_is_hardly_ever_called_contaminated() -> None:
    rng = np.random.default_rng(2)
    shares = [
        contaminated(scores) / 1_000
        for _ in range(100)
        for scores in (rng.exponential(size=1_000), rng.gamma(3.0, size=1_000))
    ]
    assert np.mean(shares) < 0.004
    assert contaminated(np.ones(500)) == 0
    assert contaminated(rng.exponential(size=50)) == 0


def test_five_in_a_hundred_that_should_not_be_there_are_counted() -> None:
    rng = np.random.default_rng(3)
    scores = np.concatenate([rng.exponential(size=950), rng.normal(15.0, 1.0, size=50)])
    assert 40 <= contaminated(scores) <= 55


def test_recalibration_gives_the_power_back_and_keeps_the_false_alarms() -> None:
    rng = np.random.default_rng(4)
    reference = np.concatenate([rng.exponential(size=(950, 1)), rng.normal(15.0, 1.0, size=(50, 1))])
    tested = np.concatenate([rng.exponential(size=(500, 1)), rng.normal(15.0, 1.0, size=(50, 1))])
    plain = CrossConformal(distance, reference, recalibrate=False).p_values(tested)
    recalibrated = CrossConformal(distance, reference)
    found = recalibrated.p_values(tested)
    assert 40 <= recalibrated.dropped <= 55
    assert np.mean(plain[500:] < 0.005) < 0.3
    assert np.mean(found[500:] < 0.005) > 0.9
    assert np.mean(found[:500] < 0.01) < 0.03
