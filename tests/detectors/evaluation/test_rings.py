"""The evaluation of rings counts what it planted, keeps in a null what it says it keeps, and runs on any such file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from detectors.coordination.synchrony.rings import find_rings
from detectors.coordination.synchrony.touches import Scale, Touches
from detectors.evaluation.rings import (
    Plan,
    Tally,
    fixed_rule,
    null_figures,
    permuted,
    planted,
    read_background,
    tally,
)
from vigil.errors import UsageError

MONTH_S = 30 * 86_400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small background in the form of the real one: hashed names, seconds since 1970."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "object_id": [f"object{number}" for number in (400 * rng.random(2_000) ** 3).astype(int)],
            "account_id": [f"account{number}" for number in (500 * rng.random(2_000) ** 2).astype(int)],
            "content_id": "x",
            "timestamp": 1_600_000_000 + rng.integers(0, MONTH_S, 2_000),
        }
    )
    frame.to_parquet(tmp_path / "coshare_background.parquet")
    return tmp_path


def test_planted_rings_are_new_accounts_with_the_actions_and_camouflage_asked_for(folder: Path) -> None:
    background = read_background(folder)
    (objects, accounts, times), truth = planted(background, Plan(45, 5, 4, 0.5), seed=1)
    assert len(truth) == 12
    assert {len(ring) for ring in truth} == {5}
    assert min(min(ring) for ring in truth) > background[1].max()
    for ring in truth:
        own = np.isin(accounts, sorted(ring))
        together = objects[own][objects[own] > background[0].max()]
        assert np.unique(together, return_counts=True)[1].tolist() == [5] * 4
        assert own.sum() == 5 * 8
        for action in np.unique(together):
            moments = times[objects == action]
            assert moments.max() - moments.min() <= 2 * 45
    assert planted(background, Plan(45, 5, 4, 0.5), seed=1)[1] == truth


def test_production_finds_them(folder: Path) -> None:
    arrays, truth = planted(read_background(folder), Plan(300, 8, 6, 0.5), seed=1)
    counted = tally((ring.members for ring in find_rings(Touches(*arrays))), truth)
    assert counted.found == counted.both
    assert counted.both >= 0.9 * counted.planted


def test_a_null_keeps_objects_hours_and_activity_and_nothing_else(folder: Path) -> None:
    objects, accounts, times = read_background(folder)
    null_objects, null_accounts, null_times = permuted((objects, accounts, times), seed=1)
    assert np.array_equal(objects, null_objects)
    assert np.array_equal(times, null_times)
    assert np.array_equal(np.bincount(accounts), np.bincount(null_accounts))
    assert not np.array_equal(accounts, null_accounts)
    for hour in np.unique(times // 3_600)[:50]:
        within = times // 3_600 == hour
        assert sorted(accounts[within]) == sorted(null_accounts[within])


def test_a_fixed_rule_joins_by_windows_and_counts() -> None:
    objects = np.repeat(np.arange(4), 3)
    accounts = np.tile(np.arange(3), 4)
    times = np.repeat(np.arange(4) * 100_000, 3) + np.tile([0, 30, 60], 4)
    touches = Touches(objects, accounts, times, Scale(window_s=60))
    assert fixed_rule(touches, 4) == [[0, 1, 2]]
    assert fixed_rule(touches, 5) == []


def test_figures_of_null_runs() -> None:
    background = (np.zeros(100, int), np.arange(100), np.arange(100) * 8_640)
    figures = null_figures([0, 2, 0, 0], background)
    assert figures["realised_fdr"] == 0.25
    assert figures["false_rings_per_10k_accounts"] == 50
    assert figures["false_rings_per_10k_account_days"] == pytest.approx(50 / 9.9)


def test_accounts_are_counted_once() -> None:
    assert tally([(1, 2, 3), (3, 4, 5)], [frozenset({1, 2, 9})]) == Tally(planted=3, found=5, both=2)


def test_a_missing_file_is_said_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"coshare_background\.parquet"):
        read_background(tmp_path)
