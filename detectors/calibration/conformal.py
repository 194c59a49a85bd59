"""Conformal p-values, and how many of the scores they are calibrated on are not what they should be.

A p-value is the share of calibration scores that are at least as large as the new one, itself counted (Vovk, Gammerman
and Shafer 2005): valid for one exchangeable new score whatever the distribution, and together with the procedure of
Benjamini and Hochberg for a batch (Bates, Candès, Lei, Romano and Sesia 2023). Outliers among the calibration scores
make it larger than it should be: it stays valid and loses its power, since no score is more extreme than the
five in a hundred that should not be there. `contaminated` says how many of the largest these are.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Fit = Callable[[Matrix], Callable[[Matrix], Vector]]
"""A reference [n, d] → a score of rows [m, d], larger is odder."""

_BODY, _TAIL = 0.5, 0.9
"""The tail of ordinary scores is learned from those between these two shares: what lies above may be something else."""

_MIN_TAIL = 20
_NOISE = 1.0
"""Standard deviations by which more has to lie above a threshold than the tail explains."""


def p_values(calibration: Vector, scores: Vector) -> Vector:
    """P-value of each of `scores` among calibration scores of the same distribution.

    >>> p_values(np.arange(99.0), np.array([98.5, 49.5])).tolist()
    [0.01, 0.5]
    """
    ordered = np.sort(calibration)
    as_large = len(ordered) - np.searchsorted(ordered, scores, side="left")
    return np.asarray((as_large + 1.0) / (len(ordered) + 1.0))


def contaminated(calibration: Vector) -> int:
    """How many of the largest calibration scores are beyond what the tail of the others explains.

    The body of the scores, up to nine in ten, is continued by an exponential tail (censored maximum likelihood: of
    what lies above only its number counts). The largest surplus above any threshold over what that tail promises,
    less a standard deviation, is what should not be there. Scores that are sums of −log(share) have tails that are
    exponential or lighter, so an ordinary sample shows next to no surplus.
    """
    ordered = np.sort(calibration)[::-1]
    count = len(ordered)
    start, end = np.quantile(ordered, [_BODY, _TAIL])
    above = int((ordered > end).sum())
    if above < _MIN_TAIL or end <= start:
        return 0
    body = ordered[(ordered > start) & (ordered <= end)]
    rate = len(body) / (float((body - start).sum()) + above * (end - start))
    if not rate > 0 or not math.isfinite(rate):
        return 0
    tail = ordered[:above]
    explained = count * (1 - _BODY) * np.exp(-rate * (tail - start))
    surplus = np.arange(1, above + 1) - explained - _NOISE * np.sqrt(explained)
    return max(0, math.floor(float(surplus.max())))


class CrossConformal:
    """P-values of new rows against a reference that is used whole, both to fit and to calibrate.

    The reference is split into folds; each is scored by a fit on the others, and a new row is compared with the scores
    of each fold under the same fit (cross-conformal prediction, Vovk 2015). Before that, rows that `contaminated` says
    should not be there are dropped, largest scores first, and everything is fitted again: `dropped` says how many.
    `reference_scores`: of each row of the reference that was kept, by a fit without its fold.
    """

    def __init__(self, fit: Fit, reference: Matrix, *, folds: int = 2, seed: int = 0, recalibrate: bool = True) -> None:
        self._fit, self._folds = fit, folds
        self._scores, self._calibration = self._calibrated(reference, seed)
        self.dropped = contaminated(self.reference_scores) if recalibrate else 0
        if self.dropped:
            kept = np.sort(np.argsort(-self.reference_scores, kind="stable")[self.dropped :])
            self._scores, self._calibration = self._calibrated(reference[kept], seed)

    def p_values(self, rows: Matrix) -> Vector:
        """[m, d] → [m]."""
        as_large = np.zeros(len(rows))
        for score, calibration in zip(self._scores, self._calibration, strict=True):
            as_large += len(calibration) - np.searchsorted(calibration, score(rows), side="left")
        return np.asarray((as_large + 1.0) / (sum(map(len, self._calibration)) + 1.0))

    def _calibrated(self, reference: Matrix, seed: int) -> tuple[list[Callable[[Matrix], Vector]], list[Vector]]:
        fold = np.random.default_rng(seed).permutation(len(reference)) % self._folds
        self.reference_scores = np.zeros(len(reference))
        scores = [self._fit(reference[fold != number]) for number in range(self._folds)]
        for number, score in enumerate(scores):
            self.reference_scores[fold == number] = score(reference[fold == number])
        return scores, [np.sort(self.reference_scores[fold == number]) for number in range(self._folds)]
