"""The pure ring finder: planted rings are found whole, chance is left alone, and names, order and origin do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.coordination.synchrony.rings import find_rings
from detectors.coordination.synchrony.seeds import find_seeds
from detectors.coordination.synchrony.tail import surprise_tail
from detectors.coordination.synchrony.touches import Touches

Ints = NDArray[np.int64]
Arrays = tuple[Ints, Ints, Ints]
MONTH_S = 30 * 86_400
SEEDS = st.integers(0, 2**31)


def crowd(seed: int, touches: int = 3_000, accounts: int = 600, objects: int = 500) -> Arrays:
    """Accounts of unequal activity at objects of unequal popularity, each for itself."""
    rng = np.random.default_rng(seed)
    return (
        (objects * rng.random(touches) ** 3).astype(np.int64),
        (accounts * rng.random(touches) ** 2).astype(np.int64),
        rng.integers(0, MONTH_S, touches),
    )


def with_ring(background: Arrays, seed: int, size: int = 6, actions: int = 5, jitter_s: int = 300) -> Arrays:
    """New accounts from 10,000 on, who touch new objects together and otherwise do as others do."""
    rng = np.random.default_rng(seed)
    parts = [background]
    members = np.arange(10_000, 10_000 + size)
    for action in range(actions):
        moments = rng.integers(0, MONTH_S) + rng.integers(-jitter_s, jitter_s, size)
        parts.append((np.full(size, 5_000 + action), members, moments))
    examples = rng.integers(0, len(background[0]), size * 5)
    parts.append((background[0][examples], np.repeat(members, 5), rng.integers(0, MONTH_S, size * 5)))
    objects, accounts, times = (np.concatenate(part) for part in zip(*parts, strict=True))
    return objects, accounts, times


def members(arrays: Arrays) -> list[tuple[int, ...]]:
    return [ring.members for ring in find_rings(Touches(*arrays))]


@pytest.mark.parametrize("jitter_s", [45, 1_500])
def test_a_ring_is_found_whole_and_alone(jitter_s: int) -> None:
    rings = find_rings(Touches(*with_ring(crowd(1), 2, jitter_s=jitter_s)))
    assert [ring.members for ring in rings] == [tuple(range(10_000, 10_006))]
    (ring,) = rings
    assert ring.p_value < 1e-4
    assert {edge.meetings for edge in ring.edges} == {5}
    assert len(ring.edges) == 15
    assert set(ring.objects) >= set(range(5_000, 5_005))


def test_two_rings_stay_two() -> None:
    objects, accounts, times = with_ring(crowd(1), 2)
    others = with_ring(crowd(1), 3)
    new = others[1] >= 10_000
    arrays = (
        np.concatenate([objects, others[0][new] + np.where(others[0][new] >= 5_000, 100, 0)]),
        np.concatenate([accounts, others[1][new] + 100]),
        np.concatenate([times, others[2][new]]),
    )
    assert sorted(members(arrays)) == [tuple(range(10_000, 10_006)), tuple(range(10_100, 10_106))]


def test_chance_makes_no_rings() -> None:
    assert [members(crowd(seed)) for seed in range(8)] == [[]] * 8


def test_a_page_that_many_scroll_through_at_once_is_one_coincidence() -> None:
    """Ten objects within five minutes are a session; the same ten over a month are a ring."""
    objects, accounts, times = crowd(1)
    fans = np.repeat(np.arange(10_000, 10_005), 10)
    page = np.tile(np.arange(6_000, 6_010), 5)
    together = np.tile(np.arange(10), 5)
    at_once = (np.r_[objects, page], np.r_[accounts, fans], np.r_[times, 1_000_000 + 30 * together])
    spread = (np.r_[objects, page], np.r_[accounts, fans], np.r_[times, 100_000 + 200_000 * together])
    assert members(at_once) == []
    assert members(spread) == [tuple(range(10_000, 10_005))]


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_names_order_and_origin_of_time_do_not_matter(seed: int) -> None:
    arrays = with_ring(crowd(4), 5)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(arrays[0]))
    rename = rng.permutation(int(arrays[1].max()) + 1)
    reobject = rng.permutation(int(arrays[0].max()) + 1)
    changed = (
        reobject[arrays[0]][order],
        rename[arrays[1]][order],
        arrays[2][order] + int(rng.integers(-(10**9), 10**9)),
    )
    expected = {frozenset(int(rename[account]) for account in ring) for ring in members(arrays)}
    assert {frozenset(ring) for ring in members(changed)} == expected
    assert expected


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_touching_the_same_thing_again_changes_nothing(seed: int) -> None:
    arrays = crowd(seed, touches=300, accounts=60, objects=40)
    again = tuple(np.concatenate([part, part]) for part in arrays)
    later = (again[0], again[1], np.concatenate([arrays[2], arrays[2] + 10]))
    once, twice = Touches(*arrays), Touches(*later)
    for name in ("object", "account", "time", "low", "high", "activity"):
        assert np.array_equal(getattr(once, name), getattr(twice, name))


def test_nothing_and_next_to_nothing() -> None:
    empty = np.zeros(0, np.int64)
    assert find_rings(Touches(empty, empty, empty)) == []
    one = np.zeros(1, np.int64)
    assert find_seeds(Touches(one, one, one)) == []
    with pytest.raises(ValueError, match="equally long"):
        Touches(one, one, empty)


@settings(max_examples=50, deadline=None)
@given(evidence=st.floats(0, 200), more=st.floats(0, 50), expected=st.floats(1e-6, 20), least=st.floats(0, 10))
def test_more_evidence_is_less_likely(evidence: float, more: float, expected: float, least: float) -> None:
    both = np.array([evidence, evidence + more])
    first, second = surprise_tail(both, np.full(2, expected), np.full(2, least)).tolist()
    assert 0 < second <= first <= 1


def test_the_tail_is_that_of_simulated_sums() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(1.5, 200_000)
    sums = np.array([count * 2.0 + rng.gamma(count) if count else 0.0 for count in counts])
    for evidence in (3.0, 6.0, 10.0):
        told = float(surprise_tail(np.array([evidence]), np.array([1.5]), np.array([2.0]))[0])
        assert told == pytest.approx(float((sums >= evidence).mean()), abs=0.004)
