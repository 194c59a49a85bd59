"""Real, labelled farm accounts: found by first use and volume alone, and with the transfers among them.

The labels come largely from transfers, so figures with transfers are partly circular: they stand beside those without.
Not labelled means not caught. The weights of `detectors.coordination.crowding` were chosen on the set that the project
develops with; intervals are 95 % of a bootstrap over rings (accounts of no ring count each for itself).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from sklearn.metrics import average_precision_score, roc_auc_score

from detectors.coordination.crowding import Floats, Ints, crowding, crowding_with_links, linked_groups
from vigil.errors import UsageError

_LEAST_VOLUME = 1e-3
Bools = NDArray[np.bool_]


def run(*, data: Path, resamples: int = 100, seed: int = 1) -> dict[str, Any]:
    """`data`: a folder with sybil_accounts.parquet and sybil_transfers.parquet. Raises UsageError when one is missing.

    `ring_recall`: share of the accounts with a ring_id that are in found groups; `ring_precision`: share of accounts in
    found groups that are sybils.
    """
    accounts = _read(data / "sybil_accounts.parquet", ["account", "first_use", "total_volume", "sybil", "ring_id"])
    transfers = _read(data / "sybil_transfers.parquet", ["from", "to"])
    hours = accounts["first_use"].to_numpy(dtype=float) / 3_600
    volume = np.log(np.maximum(accounts["total_volume"].to_numpy(dtype=float), _LEAST_VOLUME))
    sybil = accounts["sybil"].to_numpy() == 1
    in_ring = accounts["ring_id"].notna().to_numpy()
    left, right = _links(accounts, transfers)
    alone = crowding(hours, volume)
    linked = crowding_with_links(alone, left, right)
    named = np.zeros(len(sybil), dtype=bool)
    groups = linked_groups(hours, volume, left, right)
    for group in groups:
        named[group] = True
    clusters = _clusters(accounts["ring_id"])
    place = np.column_stack([hours, 24 * volume])
    fifth = -np.asarray(cKDTree(place).query(place, k=6)[0])[:, 5]
    return {
        **_ranking("", sybil, alone),
        **_ranking("_with_transfers", sybil, linked),
        **_ranking("_baseline", sybil, fifth),
        "auroc_interval": _bootstrap(sybil, alone, clusters, resamples, seed),
        "auroc_with_transfers_interval": _bootstrap(sybil, linked, clusters, resamples, seed),
        "ring_precision": float(sybil[named].mean()) if named.any() else 1.0,
        "ring_recall": float(named[in_ring].mean()) if in_ring.any() else 0.0,
        "ring_recall_of_all_sybils": float(named[sybil].mean()),
        "groups": len(groups),
        "accounts": len(sybil),
        "sybils": int(sybil.sum()),
    }


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, columns=columns)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"cannot read {path}: {error}; name the folder it is in with --data") from error


def _links(accounts: pd.DataFrame, transfers: pd.DataFrame) -> tuple[Ints, Ints]:
    """Ends of the transfers between two different known accounts, as row numbers."""
    index = pd.Index(accounts["account"])
    left, right = index.get_indexer(transfers["from"]), index.get_indexer(transfers["to"])
    known = (left >= 0) & (right >= 0) & (left != right)
    return left[known].astype(np.int64), right[known].astype(np.int64)


def _ranking(name: str, sybil: Bools, score: Floats) -> dict[str, float]:
    return {
        f"auroc{name}": float(roc_auc_score(sybil, score)),
        f"average_precision{name}": float(average_precision_score(sybil, score)),
    }


def _clusters(ring_id: pd.Series) -> Ints:
    """A number for each ring and for each account of none."""
    codes = pd.factorize(ring_id)[0].astype(np.int64)
    alone = codes < 0
    codes[alone] = codes.max() + 1 + np.arange(alone.sum())
    return codes


def _bootstrap(sybil: Bools, score: Floats, clusters: Ints, resamples: int, seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    count = int(clusters.max()) + 1
    drawn = []
    for _ in range(resamples):
        weight = np.bincount(rng.integers(count, size=count), minlength=count)[clusters]
        if weight[sybil].any() and weight[~sybil].any():
            drawn.append(roc_auc_score(sybil, score, sample_weight=weight))
    return [round(float(np.quantile(drawn, level)), 4) for level in (0.025, 0.975)]
