"""An account out of bounds is found within its hour; busy people, launches and newcomers are left alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np

from detectors.accounts.volume import AccountVolume
from detectors.state import State
from tests.detectors.looking import look, look_every, times
from tests.detectors.traffic import START, Call, insert
from vigil.signal import Severity, Signal
from vigil.warehouse import Warehouse

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
NOW = START + 10 * DAY + 12 * HOUR


def hours(
    warehouse: Warehouse,
    volume: Callable[[datetime, int], float],
    *,
    accounts: int = 150,
    until: datetime = NOW,
    name: str = "user",
) -> None:
    """Past hours of accounts as the view writes them: Poisson around `volume(hour, account)`."""
    rng = np.random.default_rng(1)
    rows = []
    hour = START
    while hour < until:
        for number in range(accounts):
            if calls := int(rng.poisson(volume(hour, number))):
                rows.append(("acme", hour, f"{name}{number}", calls, calls * 200, hour, hour + 59 * MINUTE))
        hour += HOUR
    columns = ["tenant_id", "hour", "account_id", "calls", "output_tokens", "first_seen", "last_seen"]
    warehouse.insert("account_hours", columns, [list(column) for column in zip(*rows, strict=True)])


def usual(hour: datetime, number: int) -> float:
    """Three in four hours of the day idle; accounts of very different size."""
    return (1 + number % 10) * 1.5 if 9 <= hour.hour < 15 else 0.0


def burst(account: str, calls: int, *, tokens: int = 200) -> list[Call]:
    """So many calls within three quarters of an hour."""
    return [Call(NOW + number * 45 * MINUTE / calls, account, output_tokens=tokens) for number in range(calls)]


def said(warehouse: Warehouse, state: State | None = None) -> list[Signal]:
    return look_every(AccountVolume(), warehouse, NOW, NOW + HOUR, 2 * MINUTE, state)


def test_many_times_the_usual_is_said_before_the_hour_is_over_and_again_when_it_doubles(warehouse: Warehouse) -> None:
    hours(warehouse, usual)
    insert(warehouse, burst("user1", 600))
    signals = said(warehouse)
    assert times(signals, NOW)[0] <= 20
    assert 1 < len(signals) <= 4
    assert {signal.key for signal in signals} == {"user1"}
    assert signals[-1].severity is Severity.HIGH
    facts = signals[-1].facts
    assert facts["calls"] > facts["own_busiest"] * 10
    assert facts["quantity"] == "calls"


def test_many_times_the_usual_tokens_are_said_too(warehouse: Warehouse) -> None:
    hours(warehouse, usual)
    insert(warehouse, burst("user1", 8, tokens=30_000))
    signals = said(warehouse)
    assert signals
    assert signals[0].facts["quantity"] == "output tokens"


def test_twice_the_own_record_is_left_alone(warehouse: Warehouse) -> None:
    hours(warehouse, usual)
    insert(warehouse, burst("user9", 60))
    assert said(warehouse) == []


def test_what_is_much_for_an_account_but_usual_among_its_peers_is_left_alone(warehouse: Warehouse) -> None:
    hours(warehouse, usual)
    insert(warehouse, burst("user0", 18))
    assert said(warehouse) == []


def test_a_launch_day_is_left_alone(warehouse: Warehouse) -> None:
    hours(warehouse, usual)
    rng = np.random.default_rng(2)
    calls = [
        call for number in range(150) for call in burst(f"user{number}", int(1 + rng.poisson(6 * usual(NOW, number))))
    ]
    insert(warehouse, calls)
    state = State()
    assert said(warehouse, state) == []


def test_a_newcomer_like_everybody_is_left_alone_and_one_beyond_everybody_is_not(warehouse: Warehouse) -> None:
    hours(warehouse, usual)
    insert(warehouse, [*burst("new1", 15), *burst("new2", 2_000)])
    assert {signal.key for signal in said(warehouse)} == {"new2"}


def test_without_history_nothing_is_said_and_the_run_says_why(warehouse: Warehouse) -> None:
    insert(warehouse, burst("user1", 500))
    state = State()
    assert said(warehouse, state) == []
    assert "no_history" in state.notes


def test_a_null_population_raises_nothing(warehouse: Warehouse) -> None:
    hours(warehouse, usual, until=NOW + 12 * HOUR)
    detector, state, found = AccountVolume(), State(), []
    for number in range(1, 60):
        end = START + 7 * DAY + number * HOUR
        found += look(detector, warehouse, end, state, start=end - HOUR)
    assert found == []


def test_the_end_of_an_hour_is_looked_at_from_the_next(warehouse: Warehouse) -> None:
    hours(warehouse, usual)
    insert(warehouse, [Call(NOW + HOUR - MINUTE + number * MINUTE / 500, "user1") for number in range(500)])
    detector, state = AccountVolume(), State()
    assert look(detector, warehouse, NOW + 59 * MINUTE, state, start=NOW) == []
    signals = look(detector, warehouse, NOW + HOUR + 2 * MINUTE, state, start=NOW + 59 * MINUTE)
    assert [signal.key for signal in signals] == ["user1"]
    assert signals[0].window.end == NOW + HOUR
