"""Rings planted into real co-sharing, and what is found where there are none.

Each cell of the grid plants rings of one kind into the background and counts their members among the accounts that
`find_rings`, the code of production, puts into rings. A member is a new account. Each action of a ring takes an object
and a moment of the background's activity; members touch it within ± jitter. Camouflage is the share of a member's
touches that copies an object and a moment (± 2 hours) of the background. `new`: actions are on objects nobody else
touches; `existing`: on objects (by popularity) and at moments of the background. `partial`: each member takes part in
an action with probability 0.7.

Null runs exchange accounts between the background's touches of the same hour and class of popularity: object, hour,
popularity and each account's activity stay as they are and nobody acts together. Intervals are Wilson's at 95 %, taken
over members (whose fates within one ring are not independent).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import binomtest

from detectors.coordination.synchrony.rings import find_rings
from detectors.coordination.synchrony.touches import Scale, Touches
from vigil.errors import UsageError

Ints = NDArray[np.int64]
Arrays = tuple[Ints, Ints, Ints]
"""Objects, accounts and seconds of touches."""

JITTERS_S, SIZES, ACTIONS, CAMOUFLAGE = (45, 300, 1_800), (3, 5, 8, 12, 20), (3, 4, 6, 10), (0.0, 0.5, 0.8)
PARTICIPATION = 0.7
_MEMBERS_PER_RUN = 60
_DAY_S = 86_400
_RULES = tuple(itertools.product((60, 600, 3_600), (2, 3, 5)))
"""(seconds, times): accounts that touched as many objects within so many seconds of each other are joined."""


@dataclass(frozen=True)
class Plan:
    """What is planted in one run."""

    jitter_s: int
    size: int
    actions: int
    camouflage: float
    participation: float = 1.0
    existing: bool = False


@dataclass(frozen=True)
class Tally:
    """Accounts: in planted rings, in found ones, in both."""

    planted: int
    found: int
    both: int


def run(
    *,
    data: Path,
    seeds: int = 1,
    first_seed: int = 1,
    nulls: int = 40,
    full: bool = False,
    workers: int = 2,
) -> dict[str, Any]:
    """Plant, find, count; `full` takes three seeds a cell and 300 null runs.

    `data`: a folder with coshare_background.parquet, or such a file (columns object_id, account_id, timestamp in
    seconds). Raises UsageError when it is missing.
    """
    background = read_background(data)
    if full:
        seeds, nulls = max(seeds, 3), max(nulls, 300)
    grid = [Plan(*cell) for cell in itertools.product(JITTERS_S, SIZES, ACTIONS, CAMOUFLAGE)]
    existing = [Plan(1_800, size, actions, 0.8, existing=True) for size in SIZES for actions in ACTIONS]
    partly = [
        Plan(jitter, size, actions, camouflage, PARTICIPATION)
        for jitter, camouflage in ((45, 0.0), (1_800, 0.0), (1_800, 0.8))
        for size in SIZES
        if size >= 8
        for actions in ACTIONS
        if actions >= 4
    ]
    each = range(first_seed, first_seed + seeds)
    with ProcessPoolExecutor(workers) as pool:
        rows = _rows(pool.map(partial(_count, background), *_jobs(grid, each)), grid, seeds)
        existing_rows = _rows(pool.map(partial(_count, background), *_jobs(existing, each)), existing, seeds)
        partial_rows = _rows(pool.map(partial(_count, background), *_jobs(partly, each)), partly, seeds)
        false_rings = list(pool.map(partial(_null, background), range(first_seed, first_seed + nulls)))
        baselines = list(pool.map(partial(_baseline, background, first_seed), JITTERS_S))
    return {
        "grid": rows,
        "worst_precision": min(row["precision"] for row in rows),
        "worst_recall": min(row["recall"] for row in rows),
        **null_figures(false_rings, background),
        "false_members_share": _false_share([*rows, *existing_rows, *partial_rows]),
        "partial": partial_rows,
        "partial_worst_precision": min(row["precision"] for row in partial_rows),
        "partial_worst_recall": min(row["recall"] for row in partial_rows),
        "partial_mean_recall": float(np.mean([row["recall"] for row in partial_rows])),
        "existing": existing_rows,
        "existing_worst_precision": min(row["precision"] for row in existing_rows),
        "existing_worst_recall": min(row["recall"] for row in existing_rows),
        "rings_in_background": len(find_rings(Touches(*background))),
        "baselines": [row for rows_of_jitter in baselines for row in rows_of_jitter],
        "seeds": list(each),
    }


def read_background(data: Path) -> Arrays:
    """Touches of a parquet file, numbered. Raises UsageError."""
    path = data / "coshare_background.parquet" if data.is_dir() else data
    try:
        frame = pd.read_parquet(path, columns=["object_id", "account_id", "timestamp"])
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"cannot read co-shares from {path}: {error}; name their folder with --data") from error
    return (
        pd.factorize(frame["object_id"])[0].astype(np.int64),
        pd.factorize(frame["account_id"])[0].astype(np.int64),
        frame["timestamp"].to_numpy().astype(np.int64),
    )


def planted(background: Arrays, plan: Plan, seed: int) -> tuple[Arrays, list[frozenset[int]]]:
    """The background with rings of this plan in it, and their members."""
    objects, accounts, times = background
    rng = np.random.default_rng([seed, plan.jitter_s, plan.size, plan.actions, int(10 * plan.camouflage)])
    added: list[Arrays] = []
    truth = []
    next_object, next_account = int(objects.max()) + 1, int(accounts.max()) + 1
    for _ in range(max(2, _MEMBERS_PER_RUN // plan.size)):
        members = np.arange(next_account, next_account + plan.size)
        next_account += plan.size
        truth.append(frozenset(members.tolist()))
        for _ in range(plan.actions):
            example = int(rng.integers(len(times)))
            target = int(objects[example]) if plan.existing else next_object
            next_object += not plan.existing
            there = members[rng.random(plan.size) < plan.participation]
            moment = times[example] + rng.uniform(-plan.jitter_s, plan.jitter_s, len(there))
            added.append((np.full(len(there), target), there, moment.astype(np.int64)))
        copies = round(plan.actions * plan.camouflage / (1 - plan.camouflage))
        examples = rng.integers(len(times), size=plan.size * copies)
        shift = rng.integers(-7_200, 7_200, len(examples))
        added.append((objects[examples], np.repeat(members, copies), times[examples] + shift))
    parts = zip(background, *added, strict=True)
    first, second, third = (np.concatenate(part).astype(np.int64) for part in parts)
    return (first, second, third), truth


def permuted(background: Arrays, seed: int) -> Arrays:
    """The background with accounts exchanged between touches of the same hour and class of popularity."""
    objects, accounts, times = background
    popularity = np.bincount(objects)[objects]
    stratum = (times // 3_600) * 64 + np.log2(popularity).astype(np.int64)
    rng = np.random.default_rng(seed)
    place = np.lexsort((rng.random(len(times)), stratum))
    origin = np.argsort(stratum, kind="stable")
    exchanged = accounts.copy()
    exchanged[origin] = accounts[place]
    return objects, exchanged, times


def tally(found: Iterable[Sequence[int]], truth: Iterable[frozenset[int]]) -> Tally:
    """Accounts of found and planted rings."""
    named = {account for ring in found for account in ring}
    real = {account for ring in truth for account in ring}
    return Tally(len(real), len(named), len(named & real))


def null_figures(false_rings: Sequence[int], background: Arrays) -> dict[str, Any]:
    """False rings of null runs, in what people feel."""
    accounts = len(np.unique(background[1]))
    days = (background[2].max() - background[2].min()) / _DAY_S
    alarmed = sum(rings > 0 for rings in false_rings)
    per_10k = 10_000 * float(np.mean(false_rings)) / accounts
    return {
        "null_runs": len(false_rings),
        "null_runs_with_rings": alarmed,
        "false_rings_per_10k_accounts": per_10k,
        "false_rings_per_10k_account_days": per_10k / float(days),
        "realised_fdr": alarmed / len(false_rings),
        "realised_fdr_interval": _interval(alarmed, len(false_rings)),
    }


def _jobs(plans: Sequence[Plan], seeds: Iterable[int]) -> tuple[list[Plan], list[int]]:
    pairs = [(plan, seed) for plan in plans for seed in seeds]
    return [plan for plan, _ in pairs], [seed for _, seed in pairs]


def _count(background: Arrays, plan: Plan, seed: int) -> Tally:
    touches, truth = planted(background, plan, seed)
    return tally((ring.members for ring in find_rings(Touches(*touches))), truth)


def _null(background: Arrays, seed: int) -> int:
    return len(find_rings(Touches(*permuted(background, seed))))


def _rows(tallies: Iterable[Tally], plans: Sequence[Plan], seeds: int) -> list[dict[str, Any]]:
    counted = list(tallies)
    rows = []
    for number, plan in enumerate(plans):
        own = counted[number * seeds : (number + 1) * seeds]
        both, found, real = (sum(getattr(one, name) for one in own) for name in ("both", "found", "planted"))
        row: dict[str, Any] = asdict(plan)
        row |= {"precision": both / found if found else 1.0, "recall": both / real}
        row |= {"precision_interval": _interval(both, found), "recall_interval": _interval(both, real)}
        rows.append(row | {"false_members": found - both, "found_members": found})
    return rows


def _false_share(rows: Sequence[dict[str, Any]]) -> float:
    false = sum(int(row["false_members"]) for row in rows)
    return false / max(1, sum(int(row["found_members"]) for row in rows))


def _interval(hits: int, of: int) -> list[float]:
    if not of:
        return [0.0, 1.0]
    interval = binomtest(hits, of).proportion_ci(method="wilson")
    return [round(float(interval.low), 4), round(float(interval.high), 4)]


def _baseline(background: Arrays, seed: int, jitter_s: int) -> list[dict[str, Any]]:
    """What fixed rules find of rings of middling kind."""
    (objects, accounts, times), truth = planted(background, Plan(jitter_s, 8, 6, 0.5), seed)
    rows = []
    for window_s, least in _RULES:
        found = fixed_rule(Touches(objects, accounts, times, Scale(window_s=window_s)), least)
        counted = tally(found, truth)
        rows.append(
            {
                "rule": f"{least} objects within {window_s} s",
                "jitter_s": jitter_s,
                "precision": counted.both / counted.found if counted.found else 1.0,
                "recall": counted.both / counted.planted,
            }
        )
    return rows


def fixed_rule(touches: Touches, least: int) -> list[list[int]]:
    """Components of three or more accounts, joined where two touched `least` objects within the window of each other."""
    pairs: list[Ints] = []
    for distance in range(1, touches.scale.max_neighbours + 1):
        earlier = np.flatnonzero(touches.high > np.arange(touches.count) + distance)
        if not len(earlier):
            break
        one, two = touches.account[earlier], touches.account[earlier + distance]
        pairs.append(np.minimum(one, two) * touches.accounts + np.maximum(one, two))
    pair, count = np.unique(np.concatenate(pairs), return_counts=True)
    often = pair[count >= least]
    size = touches.accounts
    graph = coo_array((np.ones(len(often)), (often // size, often % size)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return [group.tolist() for group in groups if len(group) >= 3]
