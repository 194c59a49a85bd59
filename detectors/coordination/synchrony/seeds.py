"""Pairs of accounts that meet too often: where rings begin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from detectors.coordination.synchrony.tail import surprise_tail
from detectors.coordination.synchrony.touches import Floats, Ints, Touches

MIN_MEETINGS = 3
MIN_EVIDENCE = 5.0
"""Nats: −log of the probability that two accounts meet so often and so closely by chance."""

_TABLE_BITS = 26
_BLOCK = 2_000_000


@dataclass(frozen=True)
class Seed:
    """Two accounts, and the touches (pairs of indices) in which they met."""

    left: int
    right: int
    evidence: float
    meetings: tuple[tuple[int, int], ...]


def find_seeds(touches: Touches) -> list[Seed]:
    """Pairs with at least `MIN_MEETINGS` meetings and `MIN_EVIDENCE`, strongest first.

    The evidence of a meeting is −log of the probability that so near a neighbour is this very account: its rank among
    the accounts on the object times its activity, both ways. Ranks are a kernel in time without a scale of its own.
    """
    earlier, later = _meetings_of_frequent_pairs(touches)
    if not len(earlier):
        return []
    low = np.minimum(touches.account[earlier], touches.account[later])
    high = np.maximum(touches.account[earlier], touches.account[later])
    pair = low * touches.accounts + high
    evidence = _evidence(touches, earlier, later)
    order = np.lexsort((later, earlier, -evidence, pair))
    pair, earlier, later, evidence = pair[order], earlier[order], later[order], evidence[order]
    begin = np.flatnonzero(np.r_[True, pair[1:] != pair[:-1]])
    end = np.r_[begin[1:], len(pair)]
    total = np.add.reduceat(evidence, begin)
    promising = (end - begin >= MIN_MEETINGS) & (total > MIN_EVIDENCE)
    kept: list[Ints] = []
    for first, last in zip(begin[promising], end[promising], strict=True):
        rows = _apart(touches, earlier, later, int(first), int(last))
        if len(rows) >= MIN_MEETINGS:
            kept.append(rows)
    if not kept:
        return []
    return _judged(touches, pair, earlier, later, evidence, kept)


def _judged(touches: Touches, pair: Ints, earlier: Ints, later: Ints, evidence: Floats, kept: list[Ints]) -> list[Seed]:
    count = np.array([len(rows) for rows in kept])
    row = np.concatenate(kept)
    group = np.repeat(np.arange(len(kept)), count)
    keys = pair[[rows[0] for rows in kept]]
    left, right = keys // touches.accounts, keys % touches.accounts
    affinity = touches.affinity(left, right)
    total = np.bincount(group, evidence[row]) - count * np.log(affinity)
    first_is_left = touches.account[earlier[row]] == left[group]
    of_left = np.where(first_is_left, earlier[row], later[row])
    of_right = np.where(first_is_left, later[row], earlier[row])
    q_left = np.bincount(group, touches.activity[of_left]) / count
    q_right = np.bincount(group, touches.activity[of_right]) / count
    near = touches.neighbours.astype(float)
    many = np.maximum(np.bincount(touches.account, near, touches.accounts), 1.0)
    crowding = np.bincount(touches.account, near * np.log(np.maximum(near, 1.0)), touches.accounts) / many
    expected = affinity * np.sqrt(many[left] * q_right * many[right] * q_left)
    least = -0.5 * np.log(q_left * q_right) - 0.5 * (crowding[left] + crowding[right]) - np.log(affinity)
    strength = -np.log(surprise_tail(total, expected, least))
    order = np.lexsort((keys, -strength))
    return [
        Seed(
            int(left[one]),
            int(right[one]),
            float(strength[one]),
            tuple((int(earlier[index]), int(later[index])) for index in kept[one]),
        )
        for one in order
        if strength[one] >= MIN_EVIDENCE
    ]


def _meetings_of_frequent_pairs(touches: Touches) -> tuple[Ints, Ints]:
    """Pairs of touches (earlier, later) of the accounts that may have met `MIN_MEETINGS` times.

    Pairs are counted in a table of hashes before they are kept: almost all meet once or twice, and would not fit.
    """
    table = np.zeros(1 << _TABLE_BITS if touches.count > 200_000 else 1 << 22, dtype=np.uint16)
    for earlier, later in _blocks(touches):
        slots, counts = np.unique(_hash(touches, earlier, later, len(table)), return_counts=True)
        table[slots] = np.minimum(table[slots] + counts, np.iinfo(np.uint16).max)
    kept = [
        (earlier[often], later[often])
        for earlier, later in _blocks(touches)
        if (often := table[_hash(touches, earlier, later, len(table))] >= MIN_MEETINGS).any()
    ]
    if not kept:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate([one for one, _ in kept]), np.concatenate([two for _, two in kept])


def _blocks(touches: Touches) -> Iterator[tuple[Ints, Ints]]:
    """All pairs of touches of one object within the window, `max_neighbours` each, in blocks of bounded size."""
    alive = np.arange(touches.count, dtype=np.int64)
    waiting: list[tuple[Ints, Ints]] = []
    size = 0
    for distance in range(1, touches.scale.max_neighbours + 1):
        alive = alive[touches.high[alive] > alive + distance]
        if not len(alive):
            break
        for start in range(0, len(alive), _BLOCK):
            part = alive[start : start + _BLOCK]
            waiting.append((part, part + distance))
            size += len(part)
            if size >= _BLOCK:
                yield np.concatenate([one for one, _ in waiting]), np.concatenate([two for _, two in waiting])
                waiting, size = [], 0
    if waiting:
        yield np.concatenate([one for one, _ in waiting]), np.concatenate([two for _, two in waiting])


def _hash(touches: Touches, earlier: Ints, later: Ints, size: int) -> Ints:
    one, two = touches.account[earlier], touches.account[later]
    pair = (np.minimum(one, two) * touches.accounts + np.maximum(one, two)).astype(np.uint64)
    return ((pair * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(65 - size.bit_length())).astype(np.int64)


def _evidence(touches: Touches, earlier: Ints, later: Ints) -> Floats:
    gap = touches.time[later] - touches.time[earlier]
    one = np.minimum(1.0, touches.rank(earlier, gap) * touches.activity[later])
    two = np.minimum(1.0, touches.rank(later, gap) * touches.activity[earlier])
    return np.asarray(-0.5 * (np.log(one) + np.log(two)), dtype=float)


def _apart(touches: Touches, earlier: Ints, later: Ints, first: int, last: int) -> Ints:
    """Of a pair's meetings, strongest first, those that no stronger one is of the same session with."""
    kept: list[int] = []
    moments: list[float] = []
    for row in range(first, last):
        moment = (touches.time[earlier[row]] + touches.time[later[row]]) / 2
        if all(abs(moment - other) > touches.scale.session_s for other in moments):
            kept.append(row)
            moments.append(moment)
    return np.asarray(kept, dtype=np.int64)
