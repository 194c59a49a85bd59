"""Accounts that began at the same time and do the same amount, where few others do. Pure arrays.

An account farm is made in one go and used up alike: its accounts lie close together in (first use, volume), at a
distance that differs from farm to farm. Crowding is therefore ranked over several neighbours and several exchange rates
between hours and volume, and against what the two margins alone would put there (a scan statistic: Kulldorff 1997).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NEIGHBOURS = (1, 2, 3, 5)
_HOURS_PER_E_FOLD = (6, 24, 100, 400)
"""So many hours apart weigh as much as a volume e times as large."""
_SAME_MOMENT_H = 0.05
_WINDOWS_H, _WINDOWS_VOLUME = (0.5, 2, 8, 24, 72), (0.01, 0.05, 0.2, 0.5)
_SCAN_WEIGHT = 0.3
_SEASON_H, _SEASON_WEIGHT = 84, 0.3
"""Where half a week before and after are busy, strangers are close too."""
_MEAN_WEIGHT, _SIZE_WEIGHT, _LARGEST = 0.25, 0.1, 64


def crowding(first_use_h: Floats, log_volume: Floats) -> Floats:
    """In (0, 1], the rank of each account's crowding. `first_use_h` in hours, `log_volume` natural."""
    near = np.zeros(len(first_use_h))
    for exchange in _HOURS_PER_E_FOLD:
        place = np.column_stack([first_use_h, exchange * log_volume])
        distance, _ = cKDTree(place).query(place, k=max(_NEIGHBOURS) + 1)
        distance = np.where(np.isfinite(distance), distance, np.nanmax(np.where(np.isfinite(distance), distance, 0)))
        near -= np.log(distance[:, _NEIGHBOURS] + _SAME_MOMENT_H).sum(axis=1)
    season = np.log(_share_within(first_use_h / _SEASON_H))
    near -= _SEASON_WEIGHT * len(_HOURS_PER_E_FOLD) * len(_NEIGHBOURS) * season
    scanned = np.mean(
        [_excess(first_use_h / hours, log_volume / step) for hours in _WINDOWS_H for step in _WINDOWS_VOLUME], axis=0
    )
    return _rank(_rank(near) + _SCAN_WEIGHT * _rank(scanned))


def crowding_with_links(crowd: Floats, left: Ints, right: Ints) -> Floats:
    """`crowding` raised by that of the accounts one is linked with (indices `left`–`right`) and by how many they are."""
    label = _components(len(crowd), left, right)
    size = np.bincount(label)
    mean = np.bincount(label, crowd) / size
    linked = _SIZE_WEIGHT * np.log2(np.minimum(size, _LARGEST))[label]
    return np.asarray(0.5 * crowd + _MEAN_WEIGHT * _rank(mean[label]) + linked, dtype=float)


def linked_groups(
    first_use_h: Floats,
    log_volume: Floats,
    left: Ints,
    right: Ints,
    *,
    apart_h: float = 2_000.0,
    apart_volume: float = 1.5,
    exchange: float = 100.0,
    touching_h: float = 0.55,
    least: int = 6,
) -> list[Ints]:
    """Groups of `least` accounts or more (sorted indices, largest first), joined by links and by lying together.

    A link counts between accounts that began within `apart_h` hours and whose volumes differ by less than
    `apart_volume` (natural log): one farm's accounts are alike, customers of one exchange are not. Without links
    accounts are joined when nearer than `touching_h`, a volume e times as large counting as `exchange` hours.
    """
    alike = np.abs(first_use_h[left] - first_use_h[right]) < apart_h
    alike &= np.abs(log_volume[left] - log_volume[right]) < apart_volume
    place = np.column_stack([first_use_h, exchange * log_volume])
    touching = cKDTree(place).query_pairs(touching_h, output_type="ndarray")
    label = _components(len(first_use_h), np.r_[left[alike], touching[:, 0]], np.r_[right[alike], touching[:, 1]])
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return sorted((group for group in groups if len(group) >= least), key=lambda group: (-len(group), int(group[0])))


def _excess(time: Floats, volume: Floats) -> Floats:
    """√ of twice the log-likelihood ratio of the count within ± 1 in both, against independent margins."""
    place = np.column_stack([time, volume])
    count = cKDTree(place).query_ball_point(place, 1.0, p=np.inf, return_length=True).astype(float) - 1.0
    total = len(time)
    expected = total * _share_within(time) * _share_within(volume) + 0.1
    ratio = 2.0 * (count * np.log(np.maximum(count, 1e-9) / expected) - (count - expected))
    return np.sqrt(np.where(count > expected, np.maximum(ratio, 0.0), 0.0))


def _share_within(values: Floats) -> Floats:
    ordered = np.sort(values)
    upper = np.searchsorted(ordered, values + 1.0, "right")
    return np.asarray((upper - np.searchsorted(ordered, values - 1.0, "left")) / len(values), dtype=float)


def _rank(values: Floats) -> Floats:
    return np.asarray(rankdata(values) / len(values), dtype=float)


def _components(size: int, left: Ints, right: Ints) -> Ints:
    graph = coo_array((np.ones(len(left)), (left, right)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    return np.asarray(label, dtype=np.int64)
