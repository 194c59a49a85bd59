"""The tail of a sum of coincidences: a Poisson number of them, each surprising by an exponential amount."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc, gammaln

Floats = NDArray[np.float64]

_TINY = 1e-300
_MAX_TERMS = 400


def surprise_tail(evidence: Floats, expected: Floats, least: Floats) -> Floats:
    """P(X ≥ evidence), X the sum of k ~ Poisson(expected) independent terms of `least` + Exp(1), elementwise.

    A coincidence whose p-value is uniform below `exp(-least)` has the evidence −log p = `least` + Exp(1). `evidence`,
    `least` in nats. Values lie in [1e-300, 1].

    >>> surprise_tail(np.array([0.0, 10.0]), np.array([0.5, 0.5]), np.array([3.0, 3.0])).round(6).tolist()
    [1.0, 0.020593]
    """
    evidence, expected, least = (np.asarray(values, dtype=float) for values in (evidence, expected, least))
    total = np.zeros(np.broadcast(evidence, expected, least).shape)
    most = float(np.max(expected, initial=0.0))
    rate = np.maximum(expected, _TINY)
    for terms in range(1, min(_MAX_TERMS, int(30 + most + 8 * np.sqrt(most))) + 1):
        weight = np.exp(terms * np.log(rate) - rate - gammaln(terms + 1))
        total += weight * gammaincc(terms, np.maximum(0.0, evidence - terms * least))
    return np.where(evidence <= 0, 1.0, np.clip(total, _TINY, 1.0))
