"""Outliers among rows of numbers: five unlike detectors, each on the scaling that suits it, and their evidence added.

A detector of one kind is blind to something: isolation forests to what is odd only in combination, neighbours to what
is far away in a cloud that is wide anyway, one Gaussian to several kinds of ordinary. What each says of a row becomes
the share of the reference that looks as odd, and the logarithms of these shares are added up (Fisher 1932), so that a
row that is extreme for two of them outranks one that is somewhat odd for all. Nothing is tuned to the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import svd
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Score = Callable[[Matrix], Vector]
"""Rows [m, d] → how odd each is [m]; larger is odder."""

MIN_ROWS = 30
"""Rows below which a reference says nothing about anybody."""

_TREES = 100
_COMPONENTS = 4
_NEAR, _FAR, _WIDE = 5, 50, 100
_LEAST_VARIANCE = 1e-3
_WHITENED_FROM = 1e-3
_BODY, _TAIL_SHARE = 0.5, 0.1


class Scaling:
    """Affine scalings learned on a reference [n, d]; columns that never vary are left out.

    `standard`: mean 0, deviation 1. `robust`: by median and quartiles, and the logarithm of what lies far out, so that
    a few giants do not flatten all others. `whitened`: uncorrelated and of variance 1, so that an unusual combination
    of usual values is as far away as an unusual value.
    """

    def __init__(self, reference: Matrix) -> None:
        self._varies = reference.std(axis=0) > 0
        kept = reference[:, self._varies]
        self._mean, self._deviation = kept.mean(axis=0), kept.std(axis=0)
        lower, upper = np.percentile(kept, [25, 75], axis=0)
        quartile = (upper - lower) / 1.349
        self._median = np.median(kept, axis=0)
        self._spread = np.maximum(np.where(quartile > 0, quartile, self._deviation), 0.05 * self._deviation)
        standard = (kept - self._mean) / self._deviation
        _, singular, axes = svd(standard, full_matrices=False)
        strong = singular > _WHITENED_FROM * (singular[0] if len(singular) else 1.0)
        self._axes = axes[strong].T / (singular[strong] / np.sqrt(len(kept)))

    def standard(self, rows: Matrix) -> Matrix:
        """[m, d] → [m, d'] standardised."""
        return np.asarray((rows[:, self._varies] - self._mean) / self._deviation)

    def robust(self, rows: Matrix) -> Matrix:
        """[m, d] → [m, d'] by median and quartiles, compressed far out."""
        scaled = (rows[:, self._varies] - self._median) / self._spread
        return np.asarray(np.sign(scaled) * np.log1p(np.abs(scaled)))

    def whitened(self, rows: Matrix) -> Matrix:
        """[m, d] → [m, r] uncorrelated, r the rank of the reference."""
        return np.asarray(self.standard(rows) @ self._axes)


@dataclass(frozen=True)
class _Member:
    """One fitted detector, and what it says of its own reference, ascending."""

    name: str
    score: Score
    reference: Vector

    def evidence(self, rows: Matrix) -> Vector:
        """−log of the share of the reference that is as odd as each row."""
        return _evidence(self.score(rows), self.reference)


def _evidence(scores: Vector, reference: Vector) -> Vector:
    """−log of the share of `reference` (ascending) that is at least as large as each score.

    The share stops at one in ten. From there it goes on with the root of the distance, in units of the body's spread,
    so that what lies far beyond the whole reference is told from its largest, and odd rows in the reference hide little.
    """
    as_odd = len(reference) - np.searchsorted(reference, scores, side="left")
    share = (as_odd + 1.0) / (len(reference) + 1.0)
    body, end = np.quantile(reference, [_BODY, 1 - _TAIL_SHARE])
    slope = max((end - body) / np.log((1 - _BODY) / _TAIL_SHARE), np.finfo(float).tiny)
    beyond = np.sqrt(1.0 + 2.0 * np.maximum(scores - end, 0.0) / slope) - 1.0
    return np.asarray(-np.log(np.maximum(share, _TAIL_SHARE)) + beyond)


class Ensemble:
    """Fitted on a reference [n, d] of mostly ordinary rows; deterministic for a seed. Raises ValueError below
    `MIN_ROWS` rows, and when nothing in them varies."""

    def __init__(self, reference: Matrix, seed: int = 0) -> None:
        if len(reference) < MIN_ROWS:
            raise ValueError(f"an ensemble needs {MIN_ROWS} rows of reference, not {len(reference)}")
        self._scaling = scaling = Scaling(reference)
        standard, robust, whitened = (view(reference) for view in (scaling.standard, scaling.robust, scaling.whitened))
        if not standard.shape[1]:
            raise ValueError("nothing varies in the reference; leave constant columns out")
        forest = IsolationForest(n_estimators=_TREES, random_state=seed).fit(standard)
        mixture = GaussianMixture(
            max(1, min(_COMPONENTS, len(reference) // 20)),
            reg_covar=_LEAST_VARIANCE,
            max_iter=50,
            tol=1e-2,
            random_state=seed,
        ).fit(robust)
        near, far, wide = (
            _Neighbours(view, min(count, len(reference) - 1), mean=mean)
            for view, count, mean in ((standard, _NEAR, True), (whitened, _FAR, True), (robust, _WIDE, False))
        )
        parts: tuple[tuple[str, Score, Vector], ...] = (
            ("isolation_forest", lambda rows: -forest.score_samples(scaling.standard(rows)), -forest.score_samples(standard)),
            ("gaussian_mixture", lambda rows: -mixture.score_samples(scaling.robust(rows)), -mixture.score_samples(robust)),
            ("near_neighbours", lambda rows: near.distance(scaling.standard(rows)), near.own),
            ("whitened_neighbours", lambda rows: far.distance(scaling.whitened(rows)), far.own),
            ("wide_neighbours", lambda rows: wide.distance(scaling.robust(rows)), wide.own),
        )  # fmt: skip
        self._members = tuple(_Member(name, score, np.sort(own)) for name, score, own in parts)
        self.own_opinions = {name: _evidence(own, np.sort(own)) for name, _, own in parts}
        """What each member says of each row of the reference itself, neighbours without itself."""
        self.own = np.asarray(np.mean(list(self.own_opinions.values()), axis=0))
        """The score of each row of the reference itself."""

    def score(self, rows: Matrix) -> Vector:
        """How odd each of the rows [m, d] is; larger is odder, 1 on average for rows like the reference."""
        return np.asarray(np.mean([member.evidence(rows) for member in self._members], axis=0))


class _Neighbours:
    """Distances to the nearest rows of a reference: the mean of `count`, or the last of them."""

    def __init__(self, reference: Matrix, count: int, *, mean: bool) -> None:
        self._index = NearestNeighbors(n_neighbors=count).fit(reference)
        self._mean = mean
        # Without rows to look for, each row of the reference is looked up without itself.
        self.own = self._reduced(self._index.kneighbors()[0])

    def distance(self, rows: Matrix) -> Vector:
        """[m, d] → [m]."""
        return self._reduced(self._index.kneighbors(rows)[0])

    def _reduced(self, distances: Matrix) -> Vector:
        return np.asarray(distances.mean(axis=1) if self._mean else distances[:, -1])
