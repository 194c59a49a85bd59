"""The ring finder over growing traffic: time, memory and the exponent of the cost.

Synthetic traffic with the shape of real co-sharing: accounts and objects grow with the number of events, both with
heavy tails, over half a year, with a few rings of eight in it. Each size runs in a process of its own, so that its peak
of memory is its own; the time is that of building the touches and finding the rings.
"""

from __future__ import annotations

import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.coordination.synchrony.rings import find_rings
from detectors.coordination.synchrony.touches import Touches

_SPAN_S = 180 * 86_400
# As in real co-sharing: a touch has 17 others within an hour, and its object 116 in all, on average.
_POPULARITY_MU, _POPULARITY_SIGMA, _MOST_POPULAR, _FADES_S = 0.0, 1.78, 1_000, 6 * 3_600
_RING_SIZE, _RING_ACTIONS, _RINGS = 8, 6, 3


def run(*, smallest: int = 10_000, largest: int = 1_000_000, seed: int = 1) -> dict[str, Any]:
    """Sizes from `smallest` to `largest` events, each √10 times the last. Memory is in MiB of the whole process."""
    sizes = _sizes(smallest, largest)
    seconds, peaks, found = [], [], []
    for size in sizes:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            took, peak, rings = pool.submit(measure, size, seed).result()
        print(f"{size:>12,} events  {took:8.2f} s  {peak:8.0f} MiB  {rings} rings", file=sys.stderr)
        seconds.append(round(took, 3))
        peaks.append(round(peak, 1))
        found.append(rings)
    return {
        "events": sizes,
        "seconds": seconds,
        "peak_rss_mib": peaks,
        "exponent": exponent(sizes, seconds),
        "rings_planted": _RINGS,
        "rings_found": found,
    }


def measure(events: int, seed: int) -> tuple[float, float, int]:
    """(seconds, peak resident MiB, rings found) of one run over `events` events."""
    arrays = traffic(events, seed)
    began = time.perf_counter()
    rings = find_rings(Touches(*arrays))
    took = time.perf_counter() - began
    return took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(rings)


def traffic(events: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Objects, accounts and seconds of touches: about four events an account; lognormal popularity of objects."""
    rng = np.random.default_rng(seed)
    accounts = max(10, events // 4)
    popularity = np.minimum(np.ceil(rng.lognormal(_POPULARITY_MU, _POPULARITY_SIGMA, events)), _MOST_POPULAR)
    objects = int(np.searchsorted(np.cumsum(popularity), events)) + 1
    what = np.repeat(np.arange(objects), popularity[:objects].astype(np.int64))[:events]
    who = (accounts * rng.random(events) ** 2).astype(np.int64)
    when = rng.integers(0, _SPAN_S, objects)[what] + rng.exponential(_FADES_S, events).astype(np.int64)
    parts = [(what, who, when)]
    for ring in range(_RINGS):
        members = accounts + ring * _RING_SIZE + np.arange(_RING_SIZE)
        for action in range(_RING_ACTIONS):
            target = np.full(_RING_SIZE, objects + ring * _RING_ACTIONS + action)
            parts.append((target, members, rng.integers(0, _SPAN_S) + rng.integers(-300, 300, _RING_SIZE)))
    first, second, third = (np.concatenate(part).astype(np.int64) for part in zip(*parts, strict=True))
    return first, second, third


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Slope of log time over log size, from 10^5 events on where there are two such sizes: below, start-up counts."""
    large = [index for index, size in enumerate(sizes) if size >= 100_000]
    used = large if len(large) > 1 else list(range(len(sizes)))
    if len(used) < 2:
        return 0.0
    logs = np.log([[sizes[index], max(seconds[index], 1e-6)] for index in used])
    return round(float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0]), 3)


def _sizes(smallest: int, largest: int) -> list[int]:
    steps = round(2 * np.log10(largest / smallest))
    return [round(smallest * 10 ** (step / 2)) for step in range(steps + 1)]
