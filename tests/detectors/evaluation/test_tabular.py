"""The evaluation of the account ensemble on tables of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detectors.evaluation.tabular import run
from vigil.errors import UsageError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two small tables: outliers far away, and no outliers at all but in name."""
    folder = tmp_path / "tabular"
    folder.mkdir()
    rng = np.random.default_rng(1)
    labels = np.r_[np.zeros(400, dtype=int), np.ones(40, dtype=int)]
    far = np.vstack([rng.normal(size=(400, 3)), rng.normal(12.0, 1.0, size=(40, 3))]).astype(np.float32)
    np.savez(folder / "far.npz", X=far, y=labels)
    np.savez(folder / "noise.npz", X=rng.normal(size=(440, 3)).astype(np.float32), y=labels)
    (folder / "index.csv").write_text("name,rows\nfar,440\nnoise,440\n")
    return tmp_path


def test_what_can_be_told_apart_is_and_noise_is_not(data: Path) -> None:
    result = run(data=data, seeds=1, rows=150)
    far, noise = result["tables"]
    assert far["auroc"] > 0.95
    assert far["clean"]["power"] > 0.9
    assert 0.4 < noise["auroc"] < 0.6
    assert noise["clean"]["power"] < 0.1
    assert result["mean_auroc"] == pytest.approx((far["auroc"] + noise["auroc"]) / 2, abs=1e-3)
    assert set(result["baselines"]) == {"isolation_forest", "rank_average"}
    assert set(result["calibration"]) == {"clean", "contaminated"}


def test_only_the_named_tables_are_evaluated(data: Path) -> None:
    assert [table["name"] for table in run(data=data, seeds=1, rows=100, only="noise")["tables"]] == ["noise"]
    with pytest.raises(UsageError, match="names none of"):
        run(data=data, only="other")


def test_data_that_is_not_there_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--data"):
        run(data=tmp_path)
