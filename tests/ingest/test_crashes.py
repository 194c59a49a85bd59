"""Nothing lost, nothing twice, over more than a thousand simulated crashes: see `tests.ingest.crashes`."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.crashes import one_world


def test_a_thousand_crashes_lose_nothing_and_store_nothing_twice() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=120, deadline=None, database=None)
    @given(seed=st.integers(0, 2**32))
    def simulate(seed: int) -> None:
        world = one_world(seed)
        assert (world["lost"], world["duplicated"]) == (0, 0)
        seen.update(world)

    simulate()
    assert seen["simulated_crashes"] >= 1_000, f"{seen}: raise max_examples"
    assert seen["unanswered_commits"] >= 150
    assert seen["topics_created_anew"] >= 30
