"""The demonstration must not see, and never act on, somebody's configured servers."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enforcement.policies import load_policies
from jobs.demo.scene import Scene
from jobs.demo.surroundings import as_settings, as_variables, clock_values, merged, play_values, without_variables
from vigil.clock import ScaledClock
from vigil.settings import Settings, load

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)


def values(tmp_path: Path) -> dict[str, object]:
    return merged(
        play_values(
            servers="127.0.0.1:9",
            clickhouse_url="clickhouse://u:p@127.0.0.1:1/x",
            record=tmp_path / "r.sqlite",
            gateway="http://127.0.0.1:2",
            secret="s",
            hash_key="k",
        ),
        clock_values(NOW, NOW, 60.0),
    )


def test_variables_are_put_aside_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_CLICKHOUSE__URL", "clickhouse://prod/vigil")
    with without_variables() as aside:
        assert aside == ("VIGIL_CLICKHOUSE__URL",)
        assert load().clickhouse.url is None
    assert os.environ["VIGIL_CLICKHOUSE__URL"] == "clickhouse://prod/vigil"


def test_children_and_this_process_have_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with without_variables():
        here = as_settings(values(tmp_path), tmp_path)
        for name, value in as_variables(values(tmp_path)).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("VIGIL_WORKSPACE", str(tmp_path))
        there = Settings()
        assert here == there
        assert isinstance(there.make_clock(), ScaledClock)


def test_the_policies_of_the_demonstration_are_valid_and_live(tmp_path: Path) -> None:
    with without_variables():
        policies = load_policies(as_settings(values(tmp_path), tmp_path).policies)
    assert {policy.mode.value for policy in policies} == {"live"}
    assert {policy.name for policy in policies} >= {"demo-ring-throttle", "demo-ring-suspend", "demo-volume-throttle"}


@pytest.mark.parametrize("days", range(8))
def test_the_hour_is_always_a_tuesdays_and_over_by_now(days: int) -> None:
    scene = Scene()
    now = NOW + timedelta(days=days, hours=days)
    origin = scene.origin(now)
    assert (origin.weekday(), origin.hour) == (1, 14)
    assert now - timedelta(days=8) < origin
    assert origin + scene.length + scene.calm <= now


def test_attacks_lie_within_the_hour() -> None:
    scene = Scene()
    origin = scene.origin(NOW)
    truth = scene.simulation(origin).truth
    attacks = [instance for instance in truth.instances if not instance.lookalike]
    assert [instance.scenario for instance in truth.instances] == [*scene.attacks, *scene.lookalikes]
    assert len(attacks) == 2
    for attack in attacks:
        assert origin <= attack.start < attack.end <= origin + scene.length
