"""Figures of several runs: shares, delays, rates, what each detector contributes, what got worse."""

from __future__ import annotations

import doctest
import json
import math
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.base import Budget
from jobs.evaluation import intervals, null, page, verdicts
from jobs.evaluation.charts import Point, bar_chart, step_chart
from jobs.evaluation.intervals import bootstrap, poisson_rate, wilson
from jobs.evaluation.regression import Committed, regressions
from jobs.evaluation.scoreboard import curve, pooled_baselines, scoreboard
from jobs.evaluation.scoring import FalseIncident, InstanceScore, RunScore, WronglyActed
from vigil.options import print_json


def instance(
    number: int = 1, *, scenario: str = "ring", delay_s: float | None = 60.0, finders: tuple[str, ...] = ("shared",)
) -> InstanceScore:
    """Found after `delay_s`, or missed."""
    found = delay_s is not None
    return InstanceScore(
        scenario=scenario,
        instance_id=f"{scenario}-{number}",
        lookalike=False,
        found=found,
        recorded=found,
        delay_s=delay_s,
        named=4 if found else 0,
        right=3 if found else 0,
        wanted=6,
        finders=(finders,) if found else (),
        strengths=(5.0 + number,) if found else (),
    )


def run(
    *instances: InstanceScore, seed: int = 1, false: int = 0, wrong: int = 0, violations: int = 0, days: int = 1000
) -> RunScore:
    harmless = InstanceScore(
        scenario="viral", instance_id="viral-1", lookalike=True, violations=tuple(f"v{n}" for n in range(violations))
    )
    return RunScore(
        name=f"run-{seed}",
        seed=seed,
        account_days=days,
        instances=(*instances, harmless),
        false_incidents=tuple(
            FalseIncident(f"f{n}", "account_anomaly", "high", ("volume",), 3.0 + n) for n in range(false)
        ),
        wrongly_acted=tuple(WronglyActed(f"a{n}", "t", "throttle", "act") for n in range(wrong)),
    )


def test_the_figures_of_the_contract() -> None:
    board = scoreboard(
        [
            run(instance(1, delay_s=60), instance(2, delay_s=None), false=2, violations=1),
            run(instance(1, delay_s=120), instance(2, delay_s=600), seed=2, wrong=3),
        ]
    )
    ring = board["scenarios"]["ring"]
    assert (ring["instances"], ring["found"], ring["median_delay_s"]) == (4, 3, 120.0)
    assert ring["subject_precision"] == 0.75
    assert ring["subject_recall"] == pytest.approx(0.5 * 3 / 4), "a missed instance counts as none of its subjects"
    assert board["false_incidents_per_1000_account_days"] == 1.0
    assert board["false_incidents_by_kind"] == {"account_anomaly": 1.0}
    assert board["lookalike_violations"] == 1
    assert board["lookalikes"] == {"viral": {"instances": 2, "violations": 1}}
    assert board["wrongly_acted_accounts"] == 3
    assert board["seeds"] == 2


def test_nothing_played_has_figures_that_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(scoreboard([run(days=0)]))
    printed = json.loads(capsys.readouterr().out)
    assert printed["subject_precision"] is None
    assert printed["false_incidents_per_1000_account_days"] is None


def test_what_a_detector_contributes_is_what_would_be_lost_without_it() -> None:
    board = scoreboard([run(instance(1, finders=("a",)), instance(2, finders=("a", "b")), false=1)])
    assert board["detectors"] == {
        "a": {"found": 2, "lost_without": 1, "false_incidents": 0, "false_without_others": 0},
        "b": {"found": 1, "lost_without": 0, "false_incidents": 0, "false_without_others": 0},
        "volume": {"found": 0, "lost_without": 0, "false_incidents": 1, "false_without_others": 1},
    }
    assert {type(value) for one in board["detectors"].values() for value in one.values()} == {int}


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=8))
def test_the_curve_rises(runs: list[tuple[bool, int]]) -> None:
    scores = [
        run(instance(n, delay_s=1.0 if found else None), seed=n, false=false) for n, (found, false) in enumerate(runs)
    ]
    points = curve(scores)
    for key in ("recall", "false_incidents_per_1000_account_days"):
        values = [point[key] for point in points]
        assert values == sorted(values)
    if points:
        assert points[-1]["recall"] == pytest.approx(sum(found for found, _ in runs) / len(runs))


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(0, 50))
def test_intervals_hold_the_estimate(successes: int, failures: int) -> None:
    trials = successes + failures
    low, high = wilson(successes, trials)
    assert 0 <= low <= high <= 1
    if trials:
        assert low <= successes / trials <= high
    low, high = poisson_rate(successes, 2.0)
    assert low <= successes / 2.0 <= high


def test_the_bootstrap_is_of_seeds_and_always_the_same() -> None:
    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    low, high = bootstrap([0.0, 1.0, 1.0, 0.5], mean)
    assert low < 0.625 < high
    assert (low, high) == bootstrap([0.0, 1.0, 1.0, 0.5], mean)
    assert math.isnan(bootstrap([1.0], lambda _: None)[0])


def test_the_examples_of_the_documentation_hold() -> None:
    for module in (intervals, verdicts):
        assert doctest.testmod(module).failed == 0


def test_the_same_again_is_no_regression() -> None:
    before = [run(instance(1), instance(2, delay_s=None), false=3, wrong=1)]
    assert regressions(before, before) == []
    kept = msgspec.json.decode(msgspec.json.encode(Committed("p", tuple(before))), type=Committed)
    assert kept.runs == tuple(before), "what is kept is what is compared"


def test_what_got_worse_beyond_chance_is_said() -> None:
    before = [run(*(instance(n, scenario=f"s{n}") for n in range(6)))]
    lost = [run(*(instance(n, scenario=f"s{n}", delay_s=None if n < 5 else 60) for n in range(6)))]
    late = [run(*(instance(n, scenario=f"s{n}", delay_s=600) for n in range(6)))]
    noisy = [run(*(instance(n, scenario=f"s{n}") for n in range(6)), false=6, wrong=6, violations=6)]
    assert "5 instances are no longer found" in regressions(before, lost)[0]
    assert regressions(before, late) == ["6 instances are found later by half and 0 sooner"]
    assert [line.split(":")[0] for line in regressions(before, noisy)] == [
        "false incidents",
        "incidents about harmless look-alikes",
        "accounts acted upon wrongly",
    ]
    assert regressions(lost, before) == regressions(late, before) == regressions(noisy, before) == []


def test_what_chance_explains_is_no_regression() -> None:
    before = [run(*(instance(n, scenario="s") for n in range(6)), false=1)]
    assert regressions(before, [run(*(instance(n, scenario="s", delay_s=None if n else 60) for n in range(3)))]) == []
    assert regressions(before, [run(*(instance(n, scenario="s") for n in range(6)), false=4)]) == []
    assert regressions(before, [run(seed=9, false=100)]) == [], "another plan's runs are not compared"


def test_a_scenario_lost_whole_is_a_regression_however_few() -> None:
    before = [run(instance(1, scenario="a"), instance(1, scenario="b"))]
    now = [run(instance(1, scenario="a", delay_s=None), instance(1, scenario="b"))]
    assert regressions(before, now) == ["a: all 1 instances were found, and none is now"]


def test_null_runs_compare_what_was_promised() -> None:
    budget = Budget(false_incidents_per_10k_accounts_day=0.1, false_pages_per_week=0.1)
    figures = null.figures(
        [run(days=10_000, false=2)],
        timedelta(days=70),
        budget,
        {"volume": "accounts", "gap": "telemetry"},
    )
    volume, gap = figures["detectors"]["volume"], figures["detectors"]["gap"]
    assert (volume["alarms"], volume["realised"], volume["promised"]) == (2, 2.0, 0.1)
    assert volume["p_value"] == pytest.approx(1 - math.exp(-0.1) * 1.1)
    assert (gap["alarms"], gap["realised"], gap["p_value"], gap["per"]) == (0, 0.0, 1.0, "week")
    assert gap["realised_interval"][1] == pytest.approx(0.369, abs=1e-3)


def test_the_page_is_whole_and_escapes_what_it_is_given() -> None:
    evil = "<script>alert(1)</script>"
    board = scoreboard([run(instance(1, scenario=evil, finders=(evil,)), false=2)])
    html = page.render(
        {
            "plan": evil,
            "events": 10,
            "regressions": [evil],
            **board,
            "baselines": pooled_baselines({evil: [run(instance(1, delay_s=None), false=1)]}),
        }
    )
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 5
    assert "http://" not in html.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "https://" not in html
    assert html.count("<svg") == html.count("</svg>") == 3


def test_charts_without_data_are_charts() -> None:
    assert "<svg" in step_chart({"a": []}, "x", "y")
    assert "<svg" in step_chart({"a": [Point(0.0, 1.0)]}, "x", "y")
    assert "<svg" in bar_chart([], "nothing")
