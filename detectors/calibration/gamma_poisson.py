"""Counts that vary more than Poisson: the rate itself varies (gamma), which makes the count negative binomial."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import nbinom, poisson

_NEARLY_POISSON = 1e-6


@dataclass(frozen=True)
class GammaPoisson:
    """Counts with mean `mean` > 0 and variance `variance` ≥ mean (Greenwood and Yule 1920).

    Twice the Poisson variance at a mean of 100 makes an empty window far more likely than Poisson would:

    >>> GammaPoisson(100, 200).at_most(0) > 1e-31 > GammaPoisson(100, 100).at_most(0)
    True
    """

    mean: float
    variance: float

    def __post_init__(self) -> None:
        if not (self.mean > 0 and math.isfinite(self.mean) and math.isfinite(self.variance)):
            raise ValueError(f"a gamma-Poisson needs a positive mean and finite moments, not {self}")

    @property
    def _size(self) -> float | None:
        """The gamma's shape; None when the variance is Poisson's."""
        excess = self.variance - self.mean
        return None if excess <= _NEARLY_POISSON * self.mean else self.mean**2 / excess

    def at_most(self, count: float) -> float:
        """P(X ≤ count)."""
        size = self._size
        if size is None:
            return float(poisson.cdf(count, self.mean))
        return float(nbinom.cdf(count, size, size / (size + self.mean)))

    def at_least(self, count: float) -> float:
        """P(X ≥ count)."""
        size = self._size
        below = math.ceil(count) - 1
        if size is None:
            return float(poisson.sf(below, self.mean))
        return float(nbinom.sf(below, size, size / (size + self.mean)))
