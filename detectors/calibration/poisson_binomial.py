"""How many of several unlike events happen: each has a probability of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import poisson_binom


def at_least(count: int, probabilities: Sequence[float]) -> float:
    """P(at least `count` of independent events with these probabilities happen), exact (Biscarri et al. 2018).

    Computed as the lower tail of how many do not happen: one minus a distribution function has no digits left where
    it matters.

    >>> at_least(2, [0.5, 0.5])
    0.25
    >>> 0 < at_least(40, [0.05] * 50) < 1e-40
    True
    """
    n = len(probabilities)
    if count <= 0:
        return 1.0
    if count > n:
        return 0.0
    missing = 1.0 - np.asarray(probabilities, dtype=float)
    return min(1.0, float(poisson_binom.cdf(n - count, missing)))
