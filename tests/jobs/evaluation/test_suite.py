"""The small slice of the suite: a real simulation through the real replay, scored and compared with the kept result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobs.evaluation import playing
from jobs.evaluation.plans import CASTS, DEVELOPMENT_SEEDS, HELD_OUT_SEEDS, PLANS
from simulator.scenarios.base import all_scenarios
from vigil.cli import main


def test_every_scenario_is_in_the_suite_once() -> None:
    played = [name for names in CASTS.values() for name in names]
    assert sorted(played) == sorted(all_scenarios())


def test_held_out_seeds_are_not_seen_in_development() -> None:
    assert not set(DEVELOPMENT_SEEDS) & set(HELD_OUT_SEEDS)
    names = [run.name for plan in PLANS.values() for run in plan]
    assert len(names) == len(set(names))


@pytest.mark.slow
def test_the_slice_is_not_worse_than_the_kept_result(tmp_path: Path) -> None:
    page, work = tmp_path / "report.html", tmp_path / "work"
    arguments = ["evaluate", "suite", "--json", "--set", "plan=slice"]
    result = CliRunner().invoke(main, [*arguments, "--set", f"report={page}", "--set", f"work={work}"])
    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures["compared_with_runs"] == 1
    assert figures["regressions"] == []
    assert result.exit_code == 0
    assert figures["detector_errors"] == {}
    assert figures["scenarios"]["template_campaign"]["found"] == 1
    assert set(figures["baselines"]) == {"rate_threshold", "identical_prompts", "isolation_forest"}
    assert "template_campaign" in page.read_text()
    # Interrupted and started again, it does not play what is done.
    said: list[str] = []
    (kept,) = playing.play_all(PLANS["slice"], work, said.append, 1)
    assert said == []
    assert kept.events == figures["events"]


def test_an_unknown_plan_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["evaluate", "suite", "--set", "plan=everything"])
    assert result.exit_code == 2
    assert "plans are development, held-out, slice" in result.output
