"""The ensemble sees what is far away, what is odd only in combination, and what is odd only near by."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from detectors.accounts.ensemble import MIN_ROWS, Ensemble, Matrix


def ordinary(rng: np.random.Generator, rows: int) -> Matrix:
    """Two kinds of rows: correlated columns around two centres, and a column that never varies."""
    kind = rng.integers(0, 2, (rows, 1)) * 12.0
    base = rng.normal(size=(rows, 1))
    return np.hstack([kind + base, kind + base + 0.2 * rng.normal(size=(rows, 1)), np.exp(rng.normal(size=(rows, 1))), np.ones((rows, 1))])  # fmt: skip


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("far", [30.0, 30.0, 1.0, 1.0]),
        ("combination", [1.5, -1.5, 1.0, 1.0]),
        ("between", [6.0, 6.0, 1.0, 1.0]),
        ("heavy", [0.0, 0.0, 400.0, 1.0]),
    ],
)
def test_each_kind_of_outlier_stands_above_ordinary_rows(name: str, odd: list[float]) -> None:
    rng = np.random.default_rng(1)
    ensemble = Ensemble(ordinary(rng, 600))
    scores = ensemble.score(np.vstack([ordinary(rng, 300), np.array([odd])]))
    assert scores[-1] > np.quantile(scores[:-1], 0.98), name


def test_outliers_in_the_reference_itself_are_ranked_first() -> None:
    rng = np.random.default_rng(2)
    rows = np.vstack([ordinary(rng, 400), rng.normal(3.0, 4.0, (20, 4)) + np.array([0, 0, 20.0, 0])])
    labels = np.r_[np.zeros(400), np.ones(20)]
    assert roc_auc_score(labels, Ensemble(rows).own) > 0.95


def test_the_same_seed_gives_the_same_scores_and_units_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    reference, rows = ordinary(rng, 200), ordinary(rng, 20)
    scores = Ensemble(reference).score(rows)
    np.testing.assert_array_equal(scores, Ensemble(reference).score(rows))
    np.testing.assert_allclose(scores, Ensemble(reference * 1024.0).score(rows * 1024.0), rtol=0.05, atol=0.2)


def test_a_reference_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="rows of reference"):
        Ensemble(np.zeros((MIN_ROWS - 1, 3)))
    with pytest.raises(ValueError, match="nothing varies"):
        Ensemble(np.ones((MIN_ROWS, 3)))
