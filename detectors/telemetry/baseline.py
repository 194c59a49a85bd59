"""What a source usually sends: a profile over the hours of weekdays and weekends, and how much it varies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from statistics import median

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.calibration.gamma_poisson import GammaPoisson
from detectors.schedule import HOUR, floor

MIN_DAYS = 2.0
"""Days of history below which nothing is said: one day does not tell an outage from a night."""

_MIN_DAYS_OF_CLASS = 3
_BINS_PER_HOUR = 12
_LEVEL_SPAN_HOURS = 2
_LEAST_SPREAD = 0.1


class HourCount(msgspec.Struct, frozen=True):
    """Calls of one source in one hour, and the sum of squares of its twelve 5-minute counts."""

    calls: int
    squares: int


class Baseline(msgspec.Struct, frozen=True):
    """Expected calls of each hour of a weekday and of a weekend day (UTC), and the spread around them.

    `day_level`: the last 24 hours over what the profile promises for them, at most 1. `knows_weekend`,
    `knows_weekday`: whether the profile has seen such a day. `dispersion`: variance over mean of short counts within an hour (1 = Poisson; sessions and batches make it more).
    `spread`: relative standard deviation of an hour's level around what profile and the hours before it promise.
    """

    days: float
    weekday: tuple[float, ...]
    weekend: tuple[float, ...]
    dispersion: float
    spread: float
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

    def model(self, expected: float) -> GammaPoisson:
        """The distribution of a count with this expectation."""
        return GammaPoisson(expected, expected * self.dispersion + (expected * self.spread) ** 2)


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
    counts = np.array([past[hour].calls if hour in past else 0 for hour in _hours(first, end)], dtype=float)
    profile = {weekend: tuple(_usual(first, counts, hour, weekend) for hour in range(24)) for weekend in (False, True)}
    usual = np.array([profile[hour.weekday() >= 5][hour.hour] for hour in _hours(first, end)])
    dispersion = _dispersion(past.values())
    return Baseline(
        days=round(days, 2),
        weekday=profile[False],
        weekend=profile[True],
        dispersion=round(dispersion, 4),
        spread=_spread(counts, usual, dispersion),
        day_level=round(min(1.0, float((counts[-24:].sum() + 1) / (usual[-24:].sum() + 1))), 4),
        knows_weekday=_has_seen(first, end, weekend=False),
        knows_weekend=_has_seen(first, end, weekend=True),
    )


def _hours(first: datetime, end: datetime) -> list[datetime]:
    return [first + number * HOUR for number in range(round((end - first) / HOUR))]


def _has_seen(first: datetime, end: datetime, *, weekend: bool) -> bool:
    """Whether a whole day of this kind lies in the history."""
    return sum((hour.weekday() >= 5) == weekend for hour in _hours(first, end)) >= 24


def _usual(first: datetime, counts: NDArray[np.float64], hour: int, weekend: bool) -> float:
    """Median over the days of the class; over all days while the class has too few."""
    offset = (hour - first.hour) % 24
    of_class, of_all = [], []
    for index in range(offset, len(counts), 24):
        of_all.append(float(counts[index]))
        if ((first + index * HOUR).weekday() >= 5) == weekend:
            of_class.append(float(counts[index]))
    chosen = of_class if len(of_class) >= _MIN_DAYS_OF_CLASS else of_all
    return round(median(chosen), 2) if chosen else 0.0


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


def _spread(
    counts: NDArray[np.float64],
    usual: NDArray[np.float64],
    dispersion: float,
) -> float:
    """Lower semi-deviation of hours around profile × recent level, less what the dispersion explains."""
    squares = []
    for index in range(_LEVEL_SPAN_HOURS, len(counts)):
        before = slice(index - _LEVEL_SPAN_HOURS, index)
        level = min(1.0, (counts[before].sum() + 1) / (usual[before].sum() + 1))
        expected = usual[index] * level
        if expected >= 5:
            shortfall = min(0.0, counts[index] / expected - 1)
            squares.append(2 * shortfall**2 - dispersion / expected)
    if not squares:
        return 0.5
    # The worst percent are outages as like as not; they must not hide the next one.
    kept = sorted(squares)[: max(1, math.ceil(len(squares) * 0.99))]
    return max(_LEAST_SPREAD, math.sqrt(max(0.0, sum(kept) / len(kept))))
