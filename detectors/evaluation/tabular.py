"""The account ensemble on labelled tables: how well it ranks outliers, and what its calibrated p-values promise.

Every `*.npz` in `DATA/tabular` (`X` [n, d], `y` 0/1) that `index.csv` names. Nothing is tuned to a table. Ranking: the
ensemble is fitted on a whole table without its labels and its AUROC taken. Calibration: half of the ordinary rows are
the reference (`rows` at most), alone or with 5 % outliers among them; the others and the outliers left over are tested
at once by Benjamini and Hochberg at `level`. Beside them an isolation forest alone and the rank average of the members.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from detectors.accounts.ensemble import Ensemble
from detectors.calibration.conformal import CrossConformal, contaminated
from detectors.calibration.levels import discoveries
from vigil.errors import UsageError

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]

_CONTAMINATION = 0.05


def run(*, data: Path, seeds: int = 3, rows: int = 1_000, level: float = 0.1, only: str = "") -> dict[str, Any]:
    """Figures over all tables, or those that `only` names (separated by commas).

    Raises UsageError when there is no `index.csv` or a table is missing.
    """
    chosen = {name for name in only.split(",") if name}
    tables = [
        _evaluated(name, *_table(data, name), seeds, rows, level)
        for name in _names(data)
        if not chosen or name in chosen
    ]
    if not tables:
        raise UsageError(f"{data / 'tabular' / 'index.csv'} names none of {', '.join(sorted(chosen))}")
    return {
        "mean_auroc": _mean([table["auroc"] for table in tables]),
        "auroc_standard_error": _standard_error([table["auroc"] for table in tables]),
        "baselines": {
            name: _mean([table["baselines"][name] for table in tables]) for name in ("isolation_forest", "rank_average")
        },
        "calibration": {
            case: {
                what: {
                    "mean": _mean([table[case][what] for table in tables]),
                    "standard_error": _standard_error([table[case][what] for table in tables]),
                }
                for what in ("fdr", "power", "fdr_without_recalibration", "power_without_recalibration")
            }
            for case in ("clean", "contaminated")
        },
        "level": level,
        "seeds": seeds,
        "tables": tables,
    }


def _names(data: Path) -> list[str]:
    index = data / "tabular" / "index.csv"
    try:
        with index.open(newline="") as file:
            return [row["name"] for row in csv.DictReader(file)]
    except (OSError, KeyError) as error:
        raise UsageError(f"{index} is no list of tables: {error}; say where they are with --data") from error


def _table(data: Path, name: str) -> tuple[Matrix, Labels]:
    path = data / "tabular" / f"{name}.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            return file["X"].astype(float), file["y"].astype(int)
    except (OSError, KeyError, ValueError) as error:
        raise UsageError(f"{path} is no table with X and y: {error}") from error


def _evaluated(name: str, values: Matrix, labels: Labels, seeds: int, rows: int, level: float) -> dict[str, Any]:
    ensemble = Ensemble(values)
    opinions = ensemble.own_opinions
    ranks = np.mean([rankdata(opinion) for opinion in opinions.values()], axis=0)
    trials = {case: [_trial(values, labels, seed, rows, level, share) for seed in range(seeds)]
              for case, share in (("clean", 0.0), ("contaminated", _CONTAMINATION))}  # fmt: skip
    return {
        "name": name,
        "rows": len(values),
        "columns": values.shape[1],
        "outliers": int(labels.sum()),
        "auroc": round(float(roc_auc_score(labels, ensemble.own)), 4),
        "baselines": {
            "isolation_forest": round(float(roc_auc_score(labels, opinions["isolation_forest"])), 4),
            "rank_average": round(float(roc_auc_score(labels, ranks)), 4),
        },
        **{
            case: {what: _mean([trial[what] for trial in found]) for what in found[0]} for case, found in trials.items()
        },
    }


def _trial(values: Matrix, labels: Labels, seed: int, rows: int, level: float, share: float) -> Mapping[str, float]:
    """One random split: false-discovery proportion and power, with recalibration and without."""
    rng = np.random.default_rng(seed)
    ordinary, odd = (rng.permutation(np.flatnonzero(labels == label)) for label in (0, 1))
    size = min(len(ordinary) // 2, rows)
    planted = min(round(share * size), len(odd) // 2)
    reference = values[np.concatenate([ordinary[: size - planted], odd[:planted]])]
    tested_ordinary, tested_odd = ordinary[size : size + rows], odd[planted : planted + rows]
    tested = values[np.concatenate([tested_ordinary, tested_odd])]
    plain = CrossConformal(lambda part: Ensemble(part, seed).score, reference, seed=seed, recalibrate=False)
    recalibrated = plain
    if contaminated(plain.reference_scores):
        recalibrated = CrossConformal(lambda part: Ensemble(part, seed).score, reference, seed=seed)
    found = {"dropped": float(recalibrated.dropped)}
    for suffix, conformal in (("", recalibrated), ("_without_recalibration", plain)):
        rejected = np.array(discoveries(conformal.p_values(tested).tolist(), level))
        false = float(rejected[: len(tested_ordinary)].sum())
        found[f"fdr{suffix}"] = false / max(float(rejected.sum()), 1.0)
        found[f"power{suffix}"] = float(rejected[len(tested_ordinary) :].mean()) if len(tested_odd) else 0.0
    return found


def _mean(values: list[float]) -> float:
    return round(float(np.mean(values)), 4)


def _standard_error(values: list[float]) -> float:
    return round(float(np.std(values, ddof=1)) / math.sqrt(len(values)), 4) if len(values) > 1 else 0.0
