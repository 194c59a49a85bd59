"""A greedy pattern takes in what merely follows the thing meant: where to cut."""

from __future__ import annotations

from collections.abc import Callable

_MOST_CUTS = 6


def longest(candidate: bytes, separators: bytes, is_real: Callable[[str], bool]) -> int:
    """Length of the longest prefix, ending before a separator, that `is_real`; 0 when there is none.

    At most six cuts keep the work bounded.
    """
    end = len(candidate)
    for _ in range(_MOST_CUTS):
        if is_real(candidate[:end].decode("latin-1")):
            return end
        end = max(candidate.rfind(bytes((separator,)), 0, end) for separator in separators)
        while end > 0 and candidate[end - 1] in separators:
            end -= 1
        if end <= 0:
            return 0
    return 0
