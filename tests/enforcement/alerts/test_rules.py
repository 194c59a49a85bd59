"""A rule that goes quiet and one that fires too often are told from one that behaves as ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from enforcement.alerts.rules import LEAST_DECISIONS, judge

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def every(gap: timedelta, number: int, end: datetime = NOW) -> list[datetime]:
    return [end - gap * step for step in range(number)]


def test_one_that_behaves_as_ever_is_left_alone() -> None:
    assert judge("p", every(3 * HOUR, 200), NOW) is None
    assert judge("p", every(3 * HOUR, 200), NOW + 8 * HOUR) is None


def test_one_that_went_quiet_is_named_with_its_longest_silence() -> None:
    found = judge("p", every(3 * HOUR, 150), NOW + 20 * HOUR)
    assert found is not None
    assert (found.kind, found.since) == ("quiet", NOW)
    assert found.what.endswith("never with more than 3.0 hours in between, and has been quiet for 20.0 hours")


def test_one_that_fires_too_often_is_named_with_its_busiest_hour() -> None:
    decided = every(3 * HOUR, 150, NOW - 2 * HOUR) + every(timedelta(minutes=2), 25)
    found = judge("p", decided, NOW)
    assert found is not None
    assert found.kind == "noisy"
    assert "decided 25 times in the last hour; its busiest hour in four weeks had 1" in found.what


def test_too_few_decisions_say_nothing() -> None:
    assert judge("p", every(HOUR, LEAST_DECISIONS - 1, NOW - 100 * HOUR), NOW) is None
    assert judge("p", [], NOW) is None


@pytest.mark.parametrize("seed", range(20))
def test_bursty_rules_that_do_not_change_alarm_rarely(seed: int) -> None:
    randomness = np.random.default_rng(seed)
    starts = np.cumsum(randomness.exponential(9.0, 200))
    decided = [NOW - 28 * 24 * HOUR + HOUR * float(s) for s in starts for _ in range(randomness.integers(1, 6))]
    looks = [NOW + HOUR * look for look in range(0, 24 * 14, 6)]
    alarms = sum(judge("p", [time for time in decided if time <= look], look) is not None for look in looks)
    assert alarms <= 1
