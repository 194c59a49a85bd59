"""How much the accounts of a tenant usually do in an hour, and how rare it is to leave both one's own past and theirs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from detectors.calibration.tail import MIN_EXCEEDANCES, ParetoTail, fit_tail

MIN_OWN_HOURS = 5
"""Active hours below which an account counts as new: its past says nothing yet."""

QUANTILES = (0.8, 0.9, 0.95, 0.97, 0.99, 0.999)
"""Levels at which the query gives the quantiles of account-hours."""

_HIGH = QUANTILES[:5]
_NEWCOMER_TAIL_SHARE = 0.02


class Record(msgspec.Struct, frozen=True):
    """An account's past: active hours, its largest hour, the largest of the others, and its usual (median) one."""

    hours: int
    largest: float
    second: float
    usual: float = 0.0

    @property
    def is_established(self) -> bool:
        """Whether there is enough of it."""
        return self.hours >= MIN_OWN_HOURS


class Measure(msgspec.Struct, frozen=True):
    """One quantity (calls, output tokens) over the account-hours of a tenant.

    `quantiles` are at `QUANTILES`. `base` is the level that counts as busy among peers. `surprise` is the tail of
    `surprise_of` over the account-hours: how often one leaves the account's own record and the busy level of its peers
    behind, and by how much. `newcomers` is the tail of log x itself. `busy_hour`: median over accounts in a busy hour
    of the tenant. None or 0 = too few to tell.
    """

    quantiles: tuple[float, ...]
    base: float
    surprise: ParetoTail | None
    newcomers: ParetoTail | None
    busy_hour: float = 0.0

    def factor(self, median: float) -> float:
        """How many times busier an hour with this median over accounts is than the tenant's busy hours, at least 1.

        The median, because half the accounts would have to take part in an attack to move it.

        >>> Measure((1.0,) * 6, 1.0, None, None, busy_hour=4.0).factor(6.0)
        1.5
        """
        return max(1.0, median / self.busy_hour) if self.busy_hour else 1.0

    @property
    def busy(self) -> float:
        """What one account-hour in a hundred exceeds."""
        return self.quantiles[-2]

    @property
    def extreme(self) -> float:
        """What one account-hour in a thousand exceeds."""
        return self.quantiles[-1]

    def p_value(self, value: float, past: Record) -> float:
        """P(an hour at least this surprising): 1 below the account's record or its peers' busy level."""
        if value <= 0:
            return 1.0
        if past.is_established:
            if self.surprise is None:
                return 1.0
            surprise = surprise_of(value, past.largest, self.base)
            return 1.0 if surprise <= 0 else self.surprise.beyond(surprise)
        return 1.0 if self.newcomers is None else self.newcomers.beyond(math.log(value))


class Peers(msgspec.Struct, frozen=True):
    """The accounts of one tenant over the lookback."""

    tenant: str
    account_hours: int
    hours_per_account_day: float
    calls: Measure
    tokens: Measure


def surprise_of(value: float, record: float, base: float) -> float:
    """How far an hour leaves *both* behind, the account's own record and the busy level of its peers: the lesser of
    the two log ratios, at least 0.

    The ratio to the own record alone calls an hour of 30 calls extreme after quiet hours of 2, which is how people
    come back from a holiday; and its tail is so much longer for that that a jump to 200 calls is less surprising.

    >>> surprise_of(80, record=10, base=20) == math.log(4)
    True
    >>> surprise_of(15, record=1, base=20)
    0.0
    """
    return max(0.0, math.log(value / max(record, base, 1.0))) if value > 0 else 0.0


def measure(
    quantiles: Sequence[float],
    largest: Sequence[float],
    population: int,
    records: Sequence[Record],
    busy_hour: float,
) -> Measure:
    """Fit one quantity from its quantiles, its largest values (descending), the number of account-hours, the records
    of the established accounts, and the median of a busy hour.

    An account's largest hour against the largest of its others is an exchangeable stand-in for a new hour against the
    past: each established account shows once how far a record is broken. The busy level is the highest quantile that
    leaves enough such records to fit a tail to.
    """
    hours = sum(record.hours for record in records)
    base, surprise = quantiles[-2], None
    for level in reversed(_HIGH):
        base = quantiles[QUANTILES.index(level)]
        broken = [surprise_of(record.largest, record.second, base) for record in records if record.largest > 0]
        surprise = fit_tail([value for value in broken if value > 0], 0.0, max(hours, 1))
        if surprise is not None:
            break
    count = min(int(population * _NEWCOMER_TAIL_SHARE), len(largest) - 1)
    newcomers = None
    if count >= MIN_EXCEEDANCES and largest[count] > 0:
        logs = [math.log(value) for value in largest[:count]]
        newcomers = fit_tail(logs, math.log(largest[count]), population)
    return Measure(tuple(float(value) for value in quantiles), float(base), surprise, newcomers, busy_hour)


def refresh_after(history: timedelta) -> timedelta:
    """How long a fit stays good: a twentieth of what it was fitted on, between a quarter of an hour and six hours."""
    return min(max(history / 20, timedelta(minutes=15)), timedelta(hours=6))
