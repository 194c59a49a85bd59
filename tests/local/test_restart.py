"""When a child that died is started again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vigil.local.restart import RestartPolicy

TIMES = st.lists(st.floats(0, 1_000), max_size=20).map(sorted)


def test_five_failures_within_a_minute_give_up_and_four_do_not() -> None:
    policy = RestartPolicy()
    assert policy.delay_s([0, 10, 20, 30, 60], now=60) is None
    assert policy.delay_s([0, 10, 20, 60], now=60) == 4.0


def test_old_failures_are_forgiven() -> None:
    policy = RestartPolicy()
    assert policy.delay_s([0, 1, 2, 3, 100], now=100) == policy.delay_s([100], now=100) == 0.5


@given(TIMES, st.floats(0, 100))
def test_delays_grow_with_failures_and_stay_in_their_bounds(failures: list[float], later: float) -> None:
    policy = RestartPolicy(most_failures=1_000)
    now = (failures[-1] if failures else 0.0) + later
    delay = policy.delay_s(failures, now)
    assert delay is not None
    assert policy.first_s <= delay <= policy.longest_s
    worse = policy.delay_s([*failures, now], now)
    assert worse is not None
    assert worse >= delay
