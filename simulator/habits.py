"""When accounts call: rates, cycles and sessions, by kind of account."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from simulator.dice import Dice


class Kind(enum.Enum):
    """What an account is used for."""

    PERSON = "person"
    MEMBER = "member"
    SERVICE = "service"
    BATCH = "batch"


class Habit(msgspec.Struct, frozen=True, gc=False):
    """Rhythm of one account. `sessions_per_day` is the long-run mean; a session has `turns` calls on average.

    `active_share`: share of days with any activity. `burstiness`: sigma of the lognormal factor of a day.
    """

    kind: Kind
    sessions_per_day: float
    turns: float
    active_share: float
    burstiness: float


def person(dice: Dice, calls_per_day: float) -> Habit:
    """Somebody who chats: some every day, most now and then."""
    turns = dice.between(1.6, 4.5)
    return Habit(Kind.PERSON, calls_per_day / turns, turns, min(1.0, 0.25 + 0.75 * dice.unit() ** 0.5), dice.between(0.4, 1.1))  # fmt: skip


def member(dice: Dice, calls_per_day: float) -> Habit:
    """Somebody who uses it for work."""
    turns = dice.between(1.3, 3.5)
    return Habit(Kind.MEMBER, calls_per_day / turns, turns, dice.between(0.5, 1.0), dice.between(0.3, 0.8))


def service(dice: Dice, calls_per_day: float) -> Habit:
    """An application whose users come through one account."""
    turns = dice.between(1.0, 2.0)
    return Habit(Kind.SERVICE, calls_per_day / turns, turns, 1.0, dice.between(0.1, 0.3))


def batch(calls_per_day: float) -> Habit:
    """A job that works through a queue around the clock."""
    return Habit(Kind.BATCH, calls_per_day, 1.0, 1.0, 0.05)


def _cycle(peaks: list[tuple[float, float, float]], floor: float) -> NDArray[np.float64]:
    hours = np.arange(24) + 0.5
    curve = np.full(24, floor)
    for centre, width, height in peaks:
        distance = np.minimum(abs(hours - centre), 24 - abs(hours - centre))
        curve += height * np.exp(-0.5 * (distance / width) ** 2)
    scaled: NDArray[np.float64] = curve / curve.mean()
    return scaled


# Local hour → share of the day, by kind; the second row is the weekend, whose sum is smaller for work.
_CYCLES: dict[Kind, NDArray[np.float64]] = {
    Kind.PERSON: np.stack([_cycle([(12.5, 3, 0.7), (20.5, 2.5, 1.2)], 0.08), 1.15 * _cycle([(15, 5, 1.0)], 0.1)]),
    Kind.MEMBER: np.stack([_cycle([(10.5, 1.8, 1.3), (15, 2.2, 1.2)], 0.03), 0.18 * _cycle([(14, 5, 1.0)], 0.1)]),
    Kind.SERVICE: np.stack([_cycle([(14, 5, 0.8)], 0.25), 0.8 * _cycle([(15, 5, 0.8)], 0.25)]),
    Kind.BATCH: np.ones((2, 24)),
}
KINDS = tuple(Kind)
CYCLES = np.stack([_CYCLES[kind] for kind in KINDS])
"""[kind, weekend, local hour] → factor on the mean rate."""


def calls_per_day(habit: Habit) -> float:
    """Calls in an average day."""
    return habit.sessions_per_day * habit.turns


def usual_per_hour(habit: Habit) -> float:
    """Calls in an average hour in which such an account is awake (a third of the day for people)."""
    calls = calls_per_day(habit) / habit.active_share
    return calls / (8.0 if habit.kind in (Kind.PERSON, Kind.MEMBER) else 24.0)


class Days:
    """How active each of some accounts is on a day: 0 on a day off, lognormal around its active mean otherwise."""

    def __init__(self, habits: Sequence[Habit]) -> None:
        self._share = np.array([habit.active_share for habit in habits])
        self._sigma = np.array([habit.burstiness for habit in habits])

    def factors(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """The factors of the day whose stream `rng` is."""
        count = len(self._share)
        active = rng.random(count) < self._share
        noise = np.exp(self._sigma * rng.standard_normal(count) - self._sigma**2 / 2)
        factors: NDArray[np.float64] = np.where(active, noise / self._share, 0.0)
        return factors
