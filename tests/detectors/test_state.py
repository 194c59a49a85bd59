"""A detector's state stays small and survives changes of shape."""

from __future__ import annotations

import pytest

from detectors.state import MAX_BYTES, MAX_ENTRIES, State


def test_a_value_of_another_shape_counts_as_none() -> None:
    assert State({"k": '{"a": 1}'}).get("k", int) is None


def test_hoarding_is_refused() -> None:
    state = State()
    with pytest.raises(ValueError, match="limit"):
        state.put("k", "x" * MAX_BYTES)
    for number in range(MAX_ENTRIES):
        state.put(f"k{number}", number)
    state.put("k0", "may change")
    with pytest.raises(ValueError, match="at most"):
        state.put("one more", 1)


def test_only_changes_are_handed_over() -> None:
    state = State({"a": "1", "b": "2", "c": "3"})
    state.put("a", 1)
    state.put("b", 5)
    state.forget("c")
    state.forget("never there")
    assert state.changes() == {"b": "5", "c": None}
    copied = state.copy()
    state.saved()
    assert state.changes() == {}
    assert copied.changes() == {"b": "5", "c": None}
