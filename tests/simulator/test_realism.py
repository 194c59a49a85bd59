"""Statistics of prompts: exact on texts made for it, and the comparison as a command."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from simulator.commands import simulate
from simulator.realism import describe, template


def test_duplicates_templates_and_lengths_are_counted() -> None:
    texts = (
        ["hello there"] * 20
        + [f"order {number} is late" for number in range(60)]
        + ["zu " * 40 + str(n) for n in range(20)]
    )
    found = describe(texts)
    assert found.texts == 100
    assert found.distinct == pytest.approx(0.81)
    assert found.distinct_templates == pytest.approx(0.03)
    assert found.most_popular == pytest.approx(0.2)
    assert found.length_p99 > 100


def test_vocabulary_growth_is_one_when_every_word_is_new() -> None:
    fresh = describe([f"word{number}" for number in range(400)])
    stale = describe(["the same words again"] * 400)
    assert fresh.heaps == pytest.approx(1.0, abs=0.02)
    assert stale.heaps == pytest.approx(0.0, abs=0.02)


def test_few_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 100"):
        describe(["one"])


def test_a_template_forgets_numbers_quotations_and_addresses() -> None:
    assert template('Order 12 for "Ada" at https://example.com/x') == template(
        "order 77 for 'Bo' at http://example.org"
    )
    assert template("order tea") != template("order coffee")


def test_simulated_prompts_lie_near_those_of_people(tmp_path: Path) -> None:
    real = [f"please explain topic {number} in simple words" for number in range(150)]
    pd.DataFrame({"text": real, "label": "benign", "source": "mine"}).to_parquet(tmp_path / "prompts.parquet")
    copied = [f"say {number // 3} and nothing else" for number in range(120)]
    times = pd.date_range("2023-01-01", periods=120, freq="min")
    pd.DataFrame({"timestamp": times, "opening_defense": copied}).to_parquet(tmp_path / "organic_llm_accounts.parquet")
    result = CliRunner().invoke(simulate, ["compare", "--data", str(tmp_path), "--texts", "1500", "--json"])
    assert result.exit_code == 0, result.output
    columns = json.loads(result.output)
    assert columns["mine"]["texts"] == 150
    assert columns["organic_accounts"]["distinct"] == pytest.approx(1 / 3)
    simulated = columns["simulated"]
    # Bounds from real traffic: between instructions written once each and a game whose players copy one another.
    assert 0.7 < simulated["distinct"] < 0.98
    assert 0.6 < simulated["distinct_templates"] < 0.95
    assert 0.35 < simulated["heaps"] < 0.9
    assert simulated["length_p99"] > 8 * simulated["length_median"]


def test_missing_data_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(simulate, ["compare", "--data", str(tmp_path)])
    assert "prompts.parquet" in str(result.exception)
