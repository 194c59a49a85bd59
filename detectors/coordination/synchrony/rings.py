"""Rings among accounts, from what they touched when: the same code for production and for evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.coordination.synchrony.growth import MIN_MEMBERS, Levels, bursts_of, confirmed, grow
from detectors.coordination.synchrony.seeds import find_seeds
from detectors.coordination.synchrony.touches import Touches

_COMMON_BURSTS = 3
"""Each burst counts in two windows, so two are in common where three of these are."""


@dataclass(frozen=True)
class Edge:
    """Two members and how many bursts joined them."""

    left: int
    right: int
    meetings: int


@dataclass(frozen=True)
class FoundRing:
    """Accounts that act as one. `p_values`: by member, of its part given the others; `p_value`: of the weakest."""

    p_values: dict[int, float]
    objects: tuple[int, ...]
    """What they met at."""
    times: tuple[int, ...]
    """Seconds from the first touch of all: when each burst began."""
    edges: tuple[Edge, ...]

    @property
    def members(self) -> tuple[int, ...]:
        """Sorted."""
        return tuple(sorted(self.p_values))

    @property
    def p_value(self) -> float:
        """Of the least certain member."""
        return max(self.p_values.values())


def find_rings(touches: Touches, levels: Levels | None = None) -> list[FoundRing]:
    """Rings, the strongest seed's first; an account belongs to one ring at most."""
    levels = levels or Levels()
    taken = np.zeros(touches.accounts, dtype=bool)
    found: list[dict[int, float]] = []
    for seed in find_seeds(touches):
        if taken[seed.left] or taken[seed.right]:
            continue
        p_values = grow(touches, seed, taken, levels)
        if len(p_values) >= MIN_MEMBERS:
            taken[list(p_values)] = True
            found.append(p_values)
    return [_described(touches, p_values) for p_values in _united(touches, found, levels)]


def _united(touches: Touches, found: list[dict[int, float]], levels: Levels) -> list[dict[int, float]]:
    """Parts of one ring made one: where members are often missing it is found in pieces that were at the same bursts.

    The union stands when more members than either part had are confirmed by the others.
    """
    rings = list(found)
    places = [_places(touches, ring) for ring in rings]
    one = 0
    while one < len(rings):
        other = one + 1
        while other < len(rings):
            if len(places[one] & places[other]) >= _COMMON_BURSTS:
                union = confirmed(touches, sorted({*rings[one], *rings[other]}), levels)
                if len(union) > max(len(rings[one]), len(rings[other])):
                    rings[one], places[one] = union, _places(touches, union)
                    del rings[other], places[other]
                    other = one + 1
                    continue
            other += 1
        one += 1
    return rings


def _places(touches: Touches, ring: dict[int, float]) -> frozenset[tuple[int, int]]:
    """Objects of the bursts, each with the window it began in and the next one."""
    window = touches.scale.window_s
    return frozenset(
        (int(touches.object[burst[0]]), int(touches.time[burst[0]]) // window + step)
        for burst in bursts_of(touches, sorted(ring), 2)
        for step in (0, 1)
    )


def _described(touches: Touches, p_values: dict[int, float]) -> FoundRing:
    bursts = bursts_of(touches, sorted(p_values), 2)
    together: dict[tuple[int, int], int] = {}
    for burst in bursts:
        present = sorted(touches.account[burst].tolist())
        for place, left in enumerate(present):
            for right in present[place + 1 :]:
                together[left, right] = together.get((left, right), 0) + 1
    return FoundRing(
        dict(sorted(p_values.items())),
        tuple(int(touches.object[burst[0]]) for burst in bursts),
        tuple(int(touches.time[burst[0]]) for burst in bursts),
        tuple(Edge(left, right, count) for (left, right), count in sorted(together.items())),
    )
