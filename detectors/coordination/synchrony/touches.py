"""Who touched what first and when, with what is needed to say how likely a coincidence is. Pure arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_HOUR_S = 3_600
_MIN_RATE_BASE = 20
"""Activity is a share of at least this many touches: one call among three is no habit."""
_MAX_ACTIVITY = 0.5
_SAMPLED_PAIRS = 60_000


@dataclass(frozen=True)
class Scale:
    """How near in time two touches of one object must be to be evidence, and what bounds the work."""

    window_s: int = 3_600
    max_neighbours: int = 200
    """Of the accounts that touch an object within the window after a touch, this many are paired with it."""
    session_s: int = 1_800
    """Coincidences closer than this are one: two people scrolling through the same page meet many times at once."""


class Touches:
    """First touch of each (account, object), by object and time.

    `objects`, `accounts`: whole numbers from 0; `times`: seconds, of any origin. Equal input in any order gives equal
    results. Arrays of the class have one entry a touch, unless said. Memory is about 100 bytes a touch.
    """

    def __init__(self, objects: Ints, accounts: Ints, times: Ints, scale: Scale | None = None) -> None:
        self.scale = scale or Scale()
        objects, accounts, times = (np.asarray(values, dtype=np.int64) for values in (objects, accounts, times))
        if not len(objects) == len(accounts) == len(times):
            raise ValueError("objects, accounts and times must be equally long")
        if len(times):
            times = times - times.min()
        order = np.lexsort((times, accounts, objects))
        objects, accounts, times = objects[order], accounts[order], times[order]
        first = np.r_[True, (np.diff(objects) != 0) | (np.diff(accounts) != 0)] if len(objects) else np.zeros(0, bool)
        objects, accounts, times = objects[first], accounts[first], times[first]
        order = np.lexsort((accounts, times, objects))
        self.object, self.account, self.time = objects[order], accounts[order], times[order]
        self.count = len(self.time)
        self.accounts = int(self.account.max()) + 1 if self.count else 0
        self._stride = int(self.time.max()) + 8 * self.scale.window_s + 1 if self.count else 1
        self.key = self.object * self._stride + self.time
        """Object and time in one number: touches of an object within a span are a range of it."""
        self.low = np.searchsorted(self.key, self.key - self.scale.window_s, "left").astype(np.int32)
        self.high = np.searchsorted(self.key, self.key + self.scale.window_s, "right").astype(np.int32)
        self.neighbours = np.minimum(self.high - self.low - 1, 2 * self.scale.max_neighbours).astype(np.int32)
        self.of_account = np.lexsort((self.object, self.account)).astype(np.int32)
        """Touches by account, then object."""
        self.account_start = np.searchsorted(self.account[self.of_account], np.arange(self.accounts + 1))
        self.touches_of = np.diff(self.account_start)
        self._places = self.account[self.of_account] * (self._objects() + 1) + self.object[self.of_account]
        popularity = np.bincount(self.object, minlength=self._objects())[self.object] if self.count else self.object
        self._degree = np.bincount(self.account, popularity - 1.0, self.accounts)
        self._all_degrees = max(float(self._degree.sum()), 1.0)
        self.likeness = self._usual_likeness(popularity)
        self.activity = np.minimum(_MAX_ACTIVITY, self._rates() * self.likeness)
        self.population = int(np.count_nonzero(self.touches_of))
        """Accounts that touched anything: as many are tested for every ring."""

    def of(self, accounts: Ints) -> Ints:
        """Indices of all touches of these accounts, in order of object and time."""
        parts = [self.of_account[self.account_start[one] : self.account_start[one + 1]] for one in accounts]
        return np.sort(np.concatenate(parts)).astype(np.int64) if parts else np.zeros(0, np.int64)

    def rank(self, touch: Ints, gap: Ints) -> Ints:
        """How many others touched the object of `touch` at least as near to it as `gap` seconds (elementwise)."""
        key = self.key[touch]
        return np.searchsorted(self.key, key + gap, "right") - np.searchsorted(self.key, key - gap, "left") - 1

    def lagged_common(self, left: Ints, right: Ints) -> Floats:
        """Objects that both accounts of each pair touched, further apart than the window: tastes in common."""
        found = np.zeros(len(left))
        swap = self.touches_of[left] > self.touches_of[right]
        few, many = np.where(swap, right, left), np.where(swap, left, right)
        block = 20_000
        for start in range(0, len(left), block):
            own, other = few[start : start + block], many[start : start + block]
            sizes = self.touches_of[own]
            pair = np.repeat(np.arange(len(own)), sizes)
            offset = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            mine = self.of_account[self.account_start[own][pair] + offset]
            place = other[pair] * (self._objects() + 1) + self.object[mine]
            at = np.minimum(np.searchsorted(self._places, place), len(self._places) - 1)
            theirs = self.of_account[at]
            shared = self._places[at] == place
            apart = shared & (np.abs(self.time[mine] - self.time[theirs]) > self.scale.window_s)
            found[start : start + block] = np.bincount(pair, apart, len(own))
        return found

    def affinity(self, left: Ints, right: Ints) -> Floats:
        """≥ 1: how much more of their tastes two accounts share than their activity explains."""
        expected = self.likeness * self._degree[left] * self._degree[right] / self._all_degrees
        return np.maximum(1.0, (self.lagged_common(left, right) + 1.0) / (expected + 1.0))

    def _objects(self) -> int:
        return int(self.object[-1]) + 1 if self.count else 0

    def _rates(self) -> Floats:
        """Each touch's account's share of all touches: ever, in the half day and in the hour around it."""
        if not self.count:
            return np.zeros(0)
        share = self.touches_of[self.account] / max(self.count, _MIN_RATE_BASE)
        by_account = np.sort(self.account * self._stride + self.time)
        by_time = np.sort(self.time)
        place = self.account * self._stride + self.time
        for span in (12 * _HOUR_S, _HOUR_S):
            reach = min(span, self._stride - 1)
            upper = np.minimum(place + reach, (self.account + 1) * self._stride - 1)
            lower = np.maximum(place - reach, self.account * self._stride)
            own = np.searchsorted(by_account, upper, "right") - np.searchsorted(by_account, lower, "left")
            everybody = np.searchsorted(by_time, self.time + span, "right")
            everybody -= np.searchsorted(by_time, self.time - span, "left")
            share = np.maximum(share, (own - 1) / np.maximum(everybody, _MIN_RATE_BASE))
        return np.asarray(share, dtype=float)

    def _usual_likeness(self, popularity: Ints) -> float:
        """κ ≥ 1: accounts that share an object share others more often than chance says, coordinated or not.

        Measured on pairs of touches of one object that lie further apart than the window, so that a ring does not
        speak for its own innocence. Without it false rings grow with the size of a platform.
        """
        shared = np.flatnonzero(popularity > 1)
        if not len(shared):
            return 1.0
        rng = np.random.default_rng(0)
        weight = (popularity[shared] - 1).astype(float)
        touch = rng.choice(shared, _SAMPLED_PAIRS, p=weight / weight.sum())
        start = np.searchsorted(self.object, self.object[touch], "left")
        other = start + (rng.random(len(touch)) * popularity[touch]).astype(np.int64)
        apart = np.abs(self.time[touch] - self.time[other]) > self.scale.window_s
        touch, other = touch[apart][: _SAMPLED_PAIRS // 3], other[apart][: _SAMPLED_PAIRS // 3]
        if not len(touch):
            return 1.0
        left, right = self.account[touch], self.account[other]
        common = self.lagged_common(left, right) - 1.0
        expected = self._degree[left] * self._degree[right] / self._all_degrees
        return max(1.0, (float(common.mean()) + 0.02) / (float(expected.mean()) + 0.02))
