"""From a pair to a ring: who else was there, each tested against what the others did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.coordination.synchrony.seeds import Seed
from detectors.coordination.synchrony.tail import surprise_tail
from detectors.coordination.synchrony.touches import Floats, Ints, Touches

MIN_MEMBERS = 3
_ROUNDS = 8
_MIN_HITS = 2
_CROWD = 5_000
"""An object that so many touched around a burst says nothing about anyone, and is left out."""
_OWN_TEMPLATE_FROM = 3
"""So many members show by themselves what the ring did; before that the seed's bursts do."""


@dataclass(frozen=True)
class Levels:
    """Share of false members that is borne: while growing, when the others may still drop out; in the core that a
    ring stands or falls with; and of those who join a core of `_OWN_TEMPLATE_FROM` or more."""

    grow: float = 0.5
    confirm: float = 0.05
    join: float = 0.5
    support: float = 0.25
    """A burst of a ring is one that at least two and this share of the others took part in."""


@dataclass(frozen=True)
class Hits:
    """Touches near a burst, one entry each: whose, which burst, which touch, and how crowded it was there."""

    account: Ints
    burst: Ints
    touch: Ints
    rank: Floats


def grow(touches: Touches, seed: Seed, taken: np.ndarray, levels: Levels) -> dict[int, float]:
    """Members and the p-value of each, given the others; fewer than `MIN_MEMBERS` when there is no ring."""
    members = [seed.left, seed.right]
    start = [np.asarray(sorted(meeting), dtype=np.int64) for meeting in seed.meetings]
    for _ in range(_ROUNDS):
        bursts = _bursts(touches, start, members, levels)
        hits = find_hits(touches, bursts, members, taken)
        p_values = member_p_values(touches, hits, bursts, members, _least_hits(touches, bursts, members))
        ranked = sorted((p_value, account) for account, p_value in p_values.items())
        accepted = 0
        for place, (p_value, _) in enumerate(ranked, 1):
            if p_value <= levels.grow * (place + len(members) - 2) / touches.population:
                accepted = place
        if not accepted:
            break
        members += [account for _, account in ranked[:accepted]]
    return confirmed(touches, members, levels, start)


def confirmed(touches: Touches, members: Sequence[int], levels: Levels, start: Sequence[Ints] = ()) -> dict[int, float]:
    """Members with their p-values, each tested against the others alone.

    The least certain are dropped until all hold: the core. Those dropped are then tested against the core, which no
    longer depends on them.
    """
    core, company = list(members), np.asarray(sorted(members))
    while len(core) >= MIN_MEMBERS:
        p_values = {account: _left_out(touches, start, core, account, levels, company) for account in core}
        worst = max(core, key=lambda account: (p_values[account], account))
        if p_values[worst] <= levels.confirm * len(core) / touches.population:
            break
        core = [account for account in core if account != worst]
    else:
        return {}
    if len(core) >= _OWN_TEMPLATE_FROM:
        level = levels.join * len(core) / touches.population
        for account in sorted(set(members) - set(core)):
            p_value = _left_out(touches, start, core, account, levels, company)
            if p_value <= level:
                p_values[account] = p_value
    return p_values


def _left_out(
    touches: Touches, start: Sequence[Ints], members: list[int], account: int, levels: Levels, company: Ints
) -> float:
    """`company`: all who were grown; those dropped since are no strangers, or a large ring would mask its own core."""
    others = [member for member in members if member != account]
    bursts = _bursts(touches, start, others, levels)
    hits = find_hits(
        touches, bursts, company[company != account].tolist(), None, only=touches.of(np.asarray([account]))
    )
    return member_p_values(touches, hits, bursts, others, _MIN_HITS).get(account, 1.0)


def _least_hits(touches: Touches, bursts: Sequence[Ints], members: Sequence[int]) -> float:
    return max(_MIN_HITS, len(bursts) / 2) if len(members) < _OWN_TEMPLATE_FROM else _MIN_HITS


def _bursts(touches: Touches, start: Sequence[Ints], members: Sequence[int], levels: Levels) -> list[Ints]:
    """What the members did together: touches (indices, in order of time) of one object, near in time."""
    if len(members) >= _OWN_TEMPLATE_FROM:
        least = max(2, int(np.ceil(levels.support * len(members))))
        return bursts_of(touches, members, least)
    own = touches.of(np.asarray(members))
    found = []
    for meeting in start:
        touch = own[touches.object[own] == touches.object[meeting[0]]]
        near = np.abs(touches.time[touch] - touches.time[meeting].mean()) <= 1.5 * touches.scale.window_s
        if near.any():
            found.append(touch[near])
    return found


def bursts_of(touches: Touches, members: Sequence[int], least: int) -> list[Ints]:
    """Runs of touches of one object by at least `least` of the members, no two neighbours further apart than the window."""
    own = touches.of(np.asarray(members))
    if not len(own):
        return []
    gap = np.diff(touches.key[own])
    cuts = np.flatnonzero(gap > touches.scale.window_s) + 1
    return [run for run in np.split(own, cuts) if len(run) >= least]


def find_hits(
    touches: Touches,
    bursts: Sequence[Ints],
    members: Sequence[int],
    taken: np.ndarray | None,
    only: Ints | None = None,
) -> Hits:
    """Touches of others near at least half of a burst's, and the median rank among those who are no members.

    `taken`: accounts (bool) that belong to another ring. `only`: look at these touches alone.
    """
    window = touches.scale.window_s
    found: list[tuple[Ints, Ints, Ints, Floats]] = []
    for number, burst in enumerate(bursts):
        low, high = int(touches.low[burst].min()), int(touches.high[burst].max())
        if high - low > _CROWD:
            continue
        if only is None:
            near_by = np.arange(low, high, dtype=np.int64)
            outside = ~np.isin(touches.account[near_by], members)
            if taken is not None:
                outside &= ~taken[touches.account[near_by]]
            near_by = near_by[outside]
        else:
            near_by = only[(only >= low) & (only < high)]
        if not len(near_by):
            continue
        times = touches.time[burst]
        gap = np.abs(touches.time[near_by][:, None] - times[None, :])
        near = gap <= window
        enough = near.sum(axis=1) * 2 >= len(burst)
        near_by, gap, near = near_by[enough], gap[enough], near[enough]
        if not len(near_by):
            continue
        rank = touches.rank(np.broadcast_to(burst, gap.shape), gap)
        there = np.arange(low, high, dtype=np.int64)
        company = np.sort(touches.time[there[np.isin(touches.account[there], members)]])
        known = np.searchsorted(company, times + gap, "right") - np.searchsorted(company, times - gap, "left") - 1
        strangers = np.where(near, np.maximum(1, rank - known), np.nan)
        found.append(
            (
                touches.account[near_by],
                np.full(len(near_by), number, dtype=np.int64),
                near_by,
                np.nanmedian(strangers, axis=1),
            )
        )
    if not found:
        empty = np.zeros(0, np.int64)
        return Hits(empty, empty, empty, np.zeros(0))
    account, burst_number, touch, rank_of = (np.concatenate(column) for column in zip(*found, strict=True))
    return Hits(account, burst_number, touch, rank_of)


def member_p_values(
    touches: Touches, hits: Hits, bursts: Sequence[Ints], members: Sequence[int], least_hits: float
) -> dict[int, float]:
    """By account with enough hits: the probability that its own activity meets the bursts as often and as closely."""
    accounts, place, count = np.unique(hits.account, return_inverse=True, return_counts=True)
    enough = np.flatnonzero(count >= least_hits)
    if not len(enough):
        return {}
    crowd = np.array([max(1.0, float(np.median(touches.neighbours[burst])) - (len(burst) - 1)) for burst in bursts])
    order = np.argsort(place, kind="stable")
    begin = np.searchsorted(place[order], enough, "left")
    end = np.searchsorted(place[order], enough, "right")
    who = np.asarray(members)
    evidence, expected, kept_accounts = [], [], []
    for one, first, last in zip(enough, begin, end, strict=True):
        rows = order[first:last]
        account = int(accounts[one])
        others = who[who != account]
        affinity = float(touches.affinity(np.full(len(others), account), others).mean())
        activity = touches.activity[hits.touch[rows]]
        kept = _apart(touches.time[hits.touch[rows]], hits.rank[rows] * activity, touches.scale.session_s)
        chance = np.minimum(1.0, hits.rank[rows][kept] * activity[kept] * affinity)
        evidence.append(float(-np.log(chance).sum()))
        expected.append(max(float(np.minimum(1.0, crowd * activity.mean() * affinity).sum()), 1e-12))
        kept_accounts.append(account)
    mean = np.asarray(expected)
    p_values = surprise_tail(np.asarray(evidence), mean, -np.log(mean / len(bursts)))
    return dict(zip(kept_accounts, p_values.tolist(), strict=True))


def _apart(times: Ints, weight: Floats, session_s: int) -> list[int]:
    """Of hits, the least likely first, those that no less likely one is of the same session with."""
    kept: list[int] = []
    for row in np.lexsort((times, weight)).tolist():
        if all(abs(times[row] - times[other]) > session_s for other in kept):
            kept.append(row)
    return kept
