"""Random draws that are cheap one at a time: numpy's generator in buffers, so that a text costs microseconds."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

_BUFFER = 4096


def generator(seed: int, *labels: str | int) -> np.random.Generator:
    """An independent stream for each (seed, labels): adding one consumer never shifts the draws of another.

    >>> generator(1, "a").integers(1000) == generator(1, "a").integers(1000)
    True
    """
    keys = [label if isinstance(label, int) else zlib.crc32(label.encode()) for label in labels]
    return np.random.default_rng([seed, *keys])


class Dice:
    """Scalar draws from one stream. `unit()` gives the next uniform number in [0, 1)."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        blocks: Iterator[list[float]] = iter(lambda: rng.random(_BUFFER).tolist(), None)
        self.unit: Callable[[], float] = itertools.chain.from_iterable(blocks).__next__

    @classmethod
    def of(cls, seed: int, *labels: str | int) -> Dice:
        """Dice on the stream of (seed, labels)."""
        return cls(generator(seed, *labels))

    def below(self, n: int) -> int:
        """An integer in [0, n)."""
        return int(self.unit() * n)

    def between(self, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        return low + (high - low) * self.unit()

    def whole(self, low: int, high: int) -> int:
        """An integer in [low, high]."""
        return low + int(self.unit() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.unit() < probability

    def pick(self, items: Sequence[T]) -> T:
        """One of `items`, each equally likely."""
        return items[int(self.unit() * len(items))]

    def zipf(self, items: Sequence[T]) -> T:
        """One of `items`, the k-th about 1/k as likely as the first (log-uniform rank)."""
        return items[int(math.exp(self.unit() * math.log(len(items) + 1))) - 1]

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """`count` different ones of `items` (all of them when there are fewer), in random order."""
        order = list(items)
        count = min(count, len(order))
        for i in range(count):
            j = i + int(self.unit() * (len(order) - i))
            order[i], order[j] = order[j], order[i]
        return order[:count]

    def lognormal(self, median: float, sigma: float) -> float:
        """Lognormal with that median."""
        return median * math.exp(sigma * self.normal())

    def normal(self) -> float:
        """Standard normal (Box–Muller, one of the pair)."""
        return math.sqrt(-2.0 * math.log(1.0 - self.unit())) * math.cos(2.0 * math.pi * self.unit())

    def exponential(self, mean: float) -> float:
        """Exponential with that mean."""
        return -mean * math.log(1.0 - self.unit())

    def hex(self, digits: int) -> str:
        """That many random hex digits."""
        return "".join(["0123456789abcdef"[int(self.unit() * 16)] for _ in range(digits)])
