"""A source that stops is noticed within minutes and said once; nights, weekends, holidays and beginnings are not."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np

from detectors.base import Budget
from detectors.state import State
from detectors.telemetry.gap import TelemetryGap
from tests.detectors.looking import look_every, times
from tests.detectors.traffic import START
from vigil.signal import Severity, SubjectRole, SubjectType
from vigil.warehouse import Warehouse

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Rate = Callable[[datetime], float]


def daily(peak: float) -> Rate:
    """Calls a minute: a working day with a quiet night."""
    return lambda at: peak * (0.05 + math.exp(-((at.hour + at.minute / 60 - 13) ** 2) / 20))


def send(
    warehouse: Warehouse,
    rate: Rate,
    start: datetime,
    end: datetime,
    *,
    source: str = "gw",
    bursts: float = 0.0,
    seed: int = 1,
) -> None:
    """Fill `source_minutes` as its view would; `bursts` is the variance of a gamma factor on each minute."""
    rng = np.random.default_rng(seed)
    minutes = [start + number * MINUTE for number in range(int((end - start) / MINUTE))]
    rates = np.array([rate(minute) for minute in minutes])
    if bursts:
        rates = rates * rng.gamma(1 / bursts, bursts, len(rates))
    counts = rng.poisson(rates)
    rows = [(minute, int(count)) for minute, count in zip(minutes, counts, strict=True) if count]
    warehouse.insert(
        "source_minutes",
        ["tenant_id", "minute", "source", "calls"],
        [["acme"] * len(rows), [m for m, _ in rows], [source] * len(rows), [c for _, c in rows]],
    )


def test_a_silent_source_is_noticed_within_minutes_said_once_and_again_as_it_lasts(warehouse: Warehouse) -> None:
    stop = START + 8 * DAY + 11 * HOUR
    send(warehouse, daily(20), START, stop)
    send(warehouse, daily(20), stop + 4 * HOUR, stop + 9 * HOUR, seed=2)
    send(warehouse, daily(20), START, stop + 9 * HOUR, source="other", seed=3)
    said = look_every(TelemetryGap(), warehouse, stop - 2 * MINUTE, stop + 9 * HOUR, 2 * MINUTE)
    minutes = times(said, stop)
    assert 2 <= minutes[0] <= 6
    assert len(said) <= 7
    assert minutes[-1] < 240
    first = said[0]
    assert {signal.key for signal in said} == {"gw"}
    assert (first.subjects[0].type, first.subjects[0].id) == (SubjectType.SOURCE, "gw")
    assert first.subjects[0].role is SubjectRole.AFFECTED
    assert first.p_value is not None
    assert first.p_value < 1e-5
    assert said[-1].severity is Severity.HIGH
    assert abs(first.window.start - stop) <= 2 * MINUTE


def test_a_source_that_stops_again_is_said_again(warehouse: Warehouse) -> None:
    stop = START + 8 * DAY + 11 * HOUR
    send(warehouse, daily(20), START, stop)
    send(warehouse, daily(20), stop + 20 * MINUTE, stop + 120 * MINUTE, seed=2)
    said = look_every(TelemetryGap(), warehouse, stop, stop + 3 * HOUR, 2 * MINUTE)
    first, second = sorted({round((signal.window.start - stop) / MINUTE) for signal in said})
    assert abs(first) <= 5
    assert abs(second - 120) <= 5


def test_a_source_that_loses_most_of_its_calls_is_noticed(warehouse: Warehouse) -> None:
    drop = START + 8 * DAY + 11 * HOUR
    send(warehouse, daily(20), START, drop)
    send(warehouse, lambda at: 0.25 * daily(20)(at), drop, drop + 2 * HOUR, seed=2)
    said = look_every(TelemetryGap(), warehouse, drop, drop + HOUR, MINUTE)
    assert times(said, drop)[0] <= 30
    assert said[0].severity is Severity.MEDIUM
    assert 0.5 < said[0].facts["missing_share"] < 0.95


def test_a_quarter_less_is_no_gap(warehouse: Warehouse) -> None:
    drop = START + 8 * DAY + 11 * HOUR
    send(warehouse, daily(20), START, drop)
    send(warehouse, lambda at: 0.7 * daily(20)(at), drop, drop + 3 * HOUR, seed=2)
    assert look_every(TelemetryGap(), warehouse, drop, drop + 3 * HOUR, 3 * MINUTE) == []


def test_nights_and_weekends_are_no_gaps_from_the_first_minute_on(warehouse: Warehouse) -> None:
    def office(at: datetime) -> float:
        return daily(6)(at) * (0.02 if at.weekday() >= 5 else 1.0)

    send(warehouse, office, START, START + 9 * DAY, bursts=1.0)
    assert look_every(TelemetryGap(), warehouse, START, START + 9 * DAY, 20 * MINUTE) == []


def test_a_holiday_is_no_gap(warehouse: Warehouse) -> None:
    eve = START + 9 * DAY + 14 * HOUR

    def winding_down(at: datetime) -> float:
        return daily(20)(at) * max(0.15, 1 - (at - eve) / (8 * HOUR))

    send(warehouse, daily(20), START, eve)
    send(warehouse, winding_down, eve, eve + 34 * HOUR, seed=2)
    assert look_every(TelemetryGap(), warehouse, eve, eve + 34 * HOUR, 15 * MINUTE) == []


def test_the_end_of_a_file_is_no_gap(warehouse: Warehouse) -> None:
    end = START + 5 * DAY + 11 * HOUR
    send(warehouse, daily(20), START, end)
    assert look_every(TelemetryGap(), warehouse, end - HOUR, end + MINUTE, MINUTE) == []


def test_a_young_source_is_left_alone_and_the_run_says_so(warehouse: Warehouse) -> None:
    stop = START + 30 * HOUR
    send(warehouse, lambda _: 20.0, START, stop)
    state = State()
    assert look_every(TelemetryGap(), warehouse, stop, stop + 2 * HOUR, 5 * MINUTE, state) == []
    assert state.notes["sources_with_less_than_days_of_history"] == {"days": 2.0, "sources": 1}


def test_a_batch_source_that_pauses_every_day_at_another_hour_is_left_alone(warehouse: Warehouse) -> None:
    def batches(at: datetime) -> float:
        pause = (at.toordinal() * 7) % 24
        return 0.0 if at.hour == pause else 20.0

    send(warehouse, batches, START, START + 12 * DAY)
    state = State()
    assert look_every(TelemetryGap(), warehouse, START + 11 * DAY, START + 12 * DAY, 5 * MINUTE, state) == []


def test_the_budget_buys_sensitivity(warehouse: Warehouse) -> None:
    stop = START + 9 * DAY + 11 * HOUR
    send(warehouse, lambda _: 1.5, START, stop)
    strict = look_every(TelemetryGap(Budget(false_pages_per_week=1e-6)), warehouse, stop, stop + HOUR, MINUTE)
    loose = look_every(TelemetryGap(Budget(false_pages_per_week=1.0)), warehouse, stop, stop + HOUR, MINUTE)
    assert times(loose, stop)[0] < times(strict, stop)[0]
