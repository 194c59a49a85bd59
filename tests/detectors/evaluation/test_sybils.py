"""Farms among strangers are ranked first and grouped, with and without links; the evaluation reads such files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from detectors.coordination.crowding import crowding, crowding_with_links, linked_groups
from detectors.evaluation.sybils import run
from vigil.errors import UsageError

STRANGERS, FARMS, SIZE = 600, 5, 20


def population() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Strangers over a year, and farms that begin within a day with nearly the same volume and pay one another."""
    rng = np.random.default_rng(1)
    first = rng.uniform(0, 365 * 86_400, STRANGERS)
    volume = np.exp(rng.normal(5, 2, STRANGERS))
    ring: list[str | None] = [None] * STRANGERS
    for number in range(FARMS):
        first = np.r_[first, rng.uniform(0, 365 * 86_400) + rng.uniform(0, 86_400, SIZE)]
        volume = np.r_[volume, np.exp(rng.normal(5, 1) + rng.normal(0, 0.02, SIZE))]
        ring += [f"ring{number}"] * SIZE
    accounts = pd.DataFrame(
        {
            "account": [f"a{number}" for number in range(len(first))],
            "first_use": first.astype(int),
            "total_volume": volume,
            "sybil": [int(name is not None) for name in ring],
            "ring_id": ring,
        }
    )
    members = np.arange(STRANGERS, len(first)).reshape(FARMS, SIZE)
    chain = pd.DataFrame({"from": members[:, :-1].ravel(), "to": members[:, 1:].ravel()})
    return accounts, ("a" + chain.astype(str)).assign(kind="x", n=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    accounts, transfers = population()
    accounts.to_parquet(tmp_path / "sybil_accounts.parquet")
    transfers.to_parquet(tmp_path / "sybil_transfers.parquet")
    return tmp_path


def test_farms_rank_first_and_are_grouped(folder: Path) -> None:
    figures = run(data=folder, resamples=20)
    assert figures["auroc"] > 0.9
    assert figures["auroc_with_transfers"] >= figures["auroc"]
    assert figures["ring_precision"] > 0.99
    assert figures["ring_recall"] > 0.99
    assert figures["groups"] == FARMS
    low, high = figures["auroc_interval"]
    assert low <= figures["auroc"] <= high


def test_the_order_of_accounts_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    hours, volume = rng.uniform(0, 5_000, 200), rng.normal(0, 1, 200)
    order = rng.permutation(200)
    assert np.allclose(crowding(hours, volume)[order], crowding(hours[order], volume[order]))


def test_a_link_between_unlike_accounts_joins_nobody() -> None:
    hours, volume = np.array([0.0, 100.0, 200.0, 9_000.0]), np.zeros(4)
    left, right = np.array([0, 1, 2]), np.array([1, 2, 3])
    assert [group.tolist() for group in linked_groups(hours, volume, left, right, least=3)] == [[0, 1, 2]]
    assert linked_groups(hours, volume + np.array([0, 0, 5, 5]), left, right, least=3) == []


def test_linked_accounts_rank_above_an_equal_without_links() -> None:
    score = crowding_with_links(np.full(4, 0.5), np.array([0, 1]), np.array([1, 2]))
    assert score[0] == score[1] == score[2] > score[3]


def test_a_missing_file_is_said_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"sybil_accounts\.parquet"):
        run(data=tmp_path)
