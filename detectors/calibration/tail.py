"""Probabilities beyond the largest value seen: a generalised Pareto tail above a high threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import genpareto

MIN_EXCEEDANCES = 20


@dataclass(frozen=True)
class ParetoTail:
    """P(X > x) = `share` · (1 + shape · (x − threshold) / scale)^(−1/shape) above `threshold` (Pickands 1975)."""

    threshold: float
    share: float
    shape: float
    scale: float

    def beyond(self, value: float) -> float:
        """P(X ≥ value); 1 at or below the threshold, where the sample itself should be asked.

        >>> round(ParetoTail(threshold=1.0, share=0.1, shape=0.0, scale=0.5).beyond(1.5), 6)
        0.036788
        """
        if value <= self.threshold:
            return 1.0
        return float(self.share * genpareto.sf(value - self.threshold, self.shape, scale=self.scale))

    def quantile(self, probability: float) -> float:
        """The value that is exceeded with `probability` ≤ share."""
        return float(self.threshold + genpareto.isf(min(1.0, probability / self.share), self.shape, scale=self.scale))


def fit_tail(exceeding: Sequence[float], threshold: float, population: int) -> ParetoTail | None:
    """Fit the tail from the values above `threshold` of a population of so many; None when they are too few.

    Probability-weighted moments (Hosking and Wallis 1987), which unlike maximum likelihood exist and are stable for
    short samples. The shape is never below 0 (a sample cannot prove that larger values are impossible) and the scale is
    raised by one standard error, so that few exceedances give a cautious answer.
    """
    excess = np.sort(np.asarray(exceeding, dtype=float) - threshold)
    excess = excess[excess > 0]
    count = len(excess)
    if count < MIN_EXCEEDANCES or population < count:
        return None
    mean = float(excess.mean())
    weighted = float((excess * (count - np.arange(1, count + 1) + 0.35)).sum() / count**2)
    shape = 0.5 if mean <= 2 * weighted else 2.0 - mean / (mean - 2.0 * weighted)
    shape = max(0.0, min(shape, 0.9))
    scale = mean * (1.0 - shape) * (1.0 + 1.0 / math.sqrt(count))
    return ParetoTail(threshold, count / population, shape, scale)
