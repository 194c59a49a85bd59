"""What a source usually sends: a profile over the hours of weekdays and weekends, and how much it varies."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from statistics import median

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.calibration.gamma_poisson import GammaPoisson
from detectors.calibration.tail import ParetoTail, fit_tail
from detectors.schedule import HOUR, floor

MIN_DAYS = 2.0
"""Days of history below which nothing is said: one day does not tell an outage from a night."""

_MIN_DAYS_OF_CLASS = 3
_BINS_PER_HOUR = 12
_LEVEL_SPAN_HOURS = 2
LONG_SPAN_HOURS = 6
"""Length of the longest window that is judged by a baseline."""

_LEAST_SPREAD, _LEAST_SPREAD_EARLY, _MANY_DAYS = 0.1, 0.2, 7
"""A profile of few days is itself uncertain."""

_MIN_EXPECTED = 5.0
_KEPT = 0.99
"""The worst percent of the history are outages as like as not; they must not hide the next one."""

_TAIL_SPANS = 200
_TAIL_SHARE = 0.1


class HourCount(msgspec.Struct, frozen=True):
    """Calls of one source in one hour, and the sum of squares of its twelve 5-minute counts."""

    calls: int
    squares: int


class Baseline(msgspec.Struct, frozen=True):
    """Expected calls of each hour of a weekday and of a weekend day (UTC), and the spread around them.

    `day_level`: the last 24 hours over what the profile promises for them, at most 1. `knows_weekend`,
    `knows_weekday`: whether the profile has seen such a day. `dispersion`: variance over mean of short counts within an hour (1 = Poisson; sessions and batches make it more).
    `spread`: relative standard deviation of an hour's level around what the profile and the hours before promise.
    `hour_tail`, `long_tail`: how often an hour, and six, fell so short of that promise, as a tail of the log ratio; None while the
    history is too short for one.
    """

    days: float
    weekday: tuple[float, ...]
    weekend: tuple[float, ...]
    dispersion: float
    spread: float
    hour_tail: ParetoTail | None
    long_tail: ParetoTail | None
    day_level: float = 1.0
    knows_weekday: bool = True
    knows_weekend: bool = True

    def knows(self, start: datetime, end: datetime, *, longest: bool) -> bool:
        """Whether the profile speaks of all of [start, end).

        A kind of day never seen before counts as known once it has begun like the other kind: the whole span must lie
        in it (the level before the window is then measured on the day itself), and be short enough (`longest`).
        """
        if self.knows_weekday and self.knows_weekend:
            return True
        kinds = {moment.weekday() >= 5 for moment in (start, end)}
        unseen = {False: not self.knows_weekday, True: not self.knows_weekend}
        return not any(unseen[kind] for kind in kinds) or (len(kinds) == 1 and longest)

    def expected(self, start: datetime, end: datetime) -> float:
        """Calls expected in [start, end) from the profile alone."""
        total, moment = 0.0, start
        while moment < end:
            until = min(floor(moment, HOUR) + HOUR, end)
            day = self.weekend if moment.weekday() >= 5 else self.weekday
            total += day[moment.hour] * ((until - moment) / HOUR)
            moment = until
        return total

    def at_most(self, received: int, expected: float, span: timedelta) -> float:
        """P(so few calls in `span` or fewer), by the gamma-Poisson.

        For an hour and more the history of shortfalls has to agree, which knows silences that no smooth model does:
        its answer counts when it is larger, and without one nothing is unlikely.
        """
        p_value = GammaPoisson(expected, expected * self.dispersion + (expected * self.spread) ** 2).at_most(received)
        if span < HOUR:
            return p_value
        tail = self.hour_tail if span == HOUR else self.long_tail
        return 1.0 if tail is None else max(p_value, tail.beyond(_shortfall(received, expected)))


def build_baseline(hours: Mapping[datetime, HourCount], now: datetime) -> Baseline | None:
    """The baseline as of the beginning of the hour of `now`; None before the source has `MIN_DAYS` of history.

    `hours` holds the hours with calls; the first of them is the beginning of the source.
    """
    end = floor(now, HOUR)
    past = {hour: count for hour, count in hours.items() if hour < end}
    if not past:
        return None
    first = min(past)
    days = (end - first) / timedelta(days=1)
    if days < MIN_DAYS:
        return None
    grid = _hours(first, end)
    counts = np.array([past[hour].calls if hour in past else 0 for hour in grid], dtype=float)
    weekend = np.array([hour.weekday() >= 5 for hour in grid])
    slot = np.array([hour.hour for hour in grid])
    profile, promised = _profile(counts, weekend, slot)
    dispersion = _dispersion(past.values())
    last_day = slice(-24, None)
    return Baseline(
        days=round(days, 2),
        weekday=tuple(profile[0].tolist()),
        weekend=tuple(profile[1].tolist()),
        dispersion=round(dispersion, 4),
        spread=max(
            _LEAST_SPREAD if days >= _MANY_DAYS else _LEAST_SPREAD_EARLY,
            _spread(*_kept_promises(counts, promised, 1), dispersion),
        ),
        hour_tail=_shortfall_tail(*_kept_promises(counts, promised, 1)),
        long_tail=_shortfall_tail(*_kept_promises(counts, promised, LONG_SPAN_HOURS)),
        day_level=round(min(1.0, float((counts[last_day].sum() + 1) / (promised[last_day].sum() + 1))), 4),
        knows_weekday=int((~weekend).sum()) >= 24,
        knows_weekend=int(weekend.sum()) >= 24,
    )


def _hours(first: datetime, end: datetime) -> list[datetime]:
    return [first + number * HOUR for number in range(round((end - first) / HOUR))]


def _profile(
    counts: NDArray[np.float64], weekend: NDArray[np.bool_], slot: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Calls of each hour of the day, as medians over the days of its kind (over all days while these are few):
    [kind, hour], and for each hour of the history what the *other* days promised for it.

    Only the second may be compared with the history: a median that an hour took part in fits it too well.
    """
    profile, promised = np.zeros((2, 24)), np.zeros(len(counts))
    for kind in (0, 1):
        for hour in range(24):
            of_hour = np.flatnonzero(slot == hour)
            of_kind = of_hour[weekend[of_hour] == bool(kind)]
            chosen = of_kind if len(of_kind) >= _MIN_DAYS_OF_CLASS else of_hour
            if not len(chosen):
                continue
            ordered = sorted(counts[chosen].tolist())
            profile[kind, hour] = median(ordered)
            for index in of_kind:
                value = float(counts[index])
                at = bisect_left(ordered, value)
                promised[index] = median([*ordered[:at], *ordered[at + 1 :]] or [value])
    return np.round(profile, 2), promised


def _dispersion(counts: Iterable[HourCount]) -> float:
    """Calls-weighted mean over hours of the variance over the mean of 5-minute counts, at least Poisson's 1."""
    weighted, weight = 0.0, 0.0
    for count in counts:
        if count.calls < _BINS_PER_HOUR:
            continue
        mean = count.calls / _BINS_PER_HOUR
        variance = (count.squares - count.calls * mean) / (_BINS_PER_HOUR - 1)
        weighted += count.calls * variance / mean
        weight += count.calls
    return max(1.0, weighted / weight) if weight else 2.0


def _kept_promises(
    counts: NDArray[np.float64], promised: NDArray[np.float64], hours: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Calls received in, and expected (profile × level before) of, every span of `hours` that expected enough."""
    sums = np.concatenate([[0.0], np.cumsum(counts)]), np.concatenate([[0.0], np.cumsum(promised)])
    start = np.arange(_LEVEL_SPAN_HOURS, len(counts) - hours + 1)
    received, due = (total[start + hours] - total[start] for total in sums)
    before, due_before = (total[start] - total[start - _LEVEL_SPAN_HOURS] for total in sums)
    expected = due * np.minimum(1.0, (before + 1) / (due_before + 1))
    tested = expected >= _MIN_EXPECTED
    return received[tested], expected[tested]


def _spread(received: NDArray[np.float64], expected: NDArray[np.float64], dispersion: float) -> float:
    """Lower semi-deviation of received around expected calls, less what the dispersion explains."""
    if not len(received):
        return 0.5
    squares = np.sort(2 * np.minimum(0.0, received / expected - 1) ** 2 - dispersion / expected)
    kept = squares[: math.ceil(len(squares) * _KEPT)]
    return round(math.sqrt(max(0.0, float(kept.mean()))), 4)


def _shortfall(received: float, expected: float) -> float:
    """Log ratio of expected over received calls."""
    return math.log((expected + 0.5) / (received + 0.5))


def _shortfall_tail(received: NDArray[np.float64], expected: NDArray[np.float64]) -> ParetoTail | None:
    """The upper tail of the shortfalls that happened."""
    if len(received) < _TAIL_SPANS:
        return None
    shortfalls = np.sort(np.log((expected + 0.5) / (received + 0.5)))
    kept = shortfalls[: math.ceil(len(shortfalls) * _KEPT)]
    threshold = float(np.quantile(kept, 1 - _TAIL_SHARE))
    return fit_tail(kept[kept > threshold].tolist(), threshold, len(kept))
