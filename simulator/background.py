"""Ordinary traffic of a set of accounts: days on and off, daily cycles, sessions of several turns."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from simulator.authors import Turn
from simulator.calls import Call, Event, Exchange, Renderer
from simulator.dice import Dice, generator
from simulator.habits import CYCLES, KINDS, Days, Kind, calls_per_day
from simulator.text.composer import Composer
from simulator.world import Account

_HOUR = 3600.0
_MAX_TURNS = 14
# An hour is made in as many parts as keep a part's calls few.
_PARTS = (1, 2, 4, 6, 12, 30, 60)
_PART_CALLS = 12_000
Load = Callable[[Account, float], float]
"""Factor on the rate of an account in the hour that starts at an epoch second: a launch day, a closed school."""


class Background:
    """The ordinary calls of `accounts`. `label` names its random streams; memory is that of some ten thousand calls.

    Streams are numbered by hours and days since `epoch`, so that the same simulation a week later is the same traffic.
    """

    def __init__(
        self,
        accounts: Sequence[Account],
        composer: Composer,
        renderer: Renderer,
        seed: int,
        label: str,
        epoch: datetime,
    ) -> None:
        self._epoch_hour = int(epoch.timestamp() // _HOUR)
        self._accounts = list(accounts)
        self._composer = composer
        self._renderer = renderer
        self._seed = seed
        self._label = label
        habits = [account.habit for account in self._accounts]
        self._days = Days(habits)
        self._sessions_per_hour = np.array([habit.sessions_per_day / 24 for habit in habits])
        calls_per_hour = sum(calls_per_day(habit) for habit in habits) / 24
        self._parts = next(parts for parts in _PARTS if parts == _PARTS[-1] or calls_per_hour / parts < _PART_CALLS)
        self._kind = np.array([KINDS.index(habit.kind) for habit in habits], dtype=np.intp)
        self._zone = np.array([account.zone_hours for account in self._accounts], dtype=np.intp)
        self._born = np.array([account.created_at.timestamp() for account in self._accounts])

    def events(self, start: datetime, end: datetime, load: Load | None = None) -> Iterator[tuple[float, Event]]:
        """(epoch seconds, event) of start ≤ t < end, in time order."""
        if not self._accounts:
            return
        first, last = start.timestamp(), end.timestamp()
        waiting: list[tuple[float, int, Call]] = []
        serial = itertools.count()
        # One hour earlier, so that sessions are under way at the start.
        for hour in range(int(first // _HOUR) - 1, int(-(-last // _HOUR))):
            rates = self._rates(hour, load) / self._parts
            for part in range(self._parts):
                number = (hour - self._epoch_hour) * self._parts + part
                dice = Dice(generator(self._seed, self._label, "hour", _unsigned(number)))
                for call in self._sessions(hour + part / self._parts, rates, dice):
                    heapq.heappush(waiting, (call.at, next(serial), call))
                due = []
                until = min((hour + (part + 1) / self._parts) * _HOUR, last)
                while waiting and waiting[0][0] < until:
                    call = heapq.heappop(waiting)[2]
                    if call.at >= first:
                        due.append(call)
                for call, event in zip(due, self._renderer.render(due, dice), strict=True):
                    yield call.at, event

    def _rates(self, hour: int, load: Load | None) -> NDArray[np.float64]:
        start = hour * _HOUR
        day = hour // 24 - self._epoch_hour // 24
        factors = self._days.factors(generator(self._seed, self._label, "day", _unsigned(day)))
        local = hour + self._zone
        # Day 0 of the epoch was a Thursday.
        weekend = ((local // 24 + 3) % 7 >= 5).astype(np.intp)
        rates: NDArray[np.float64] = (
            self._sessions_per_hour * factors * CYCLES[self._kind, weekend, local % 24] * (self._born <= start)
        )
        if load is not None:
            rates = rates * np.array([load(account, start) for account in self._accounts])
        return rates

    def _sessions(self, begin_hours: float, rates: NDArray[np.float64], dice: Dice) -> Iterator[Call]:
        """Sessions that start in the part of an hour that begins at `begin_hours`; `rates` are those of the part."""
        counts = dice.rng.poisson(rates)
        for index in np.flatnonzero(counts).tolist():
            account = self._accounts[index]
            number = int(counts[index])
            if account.habit.kind is Kind.BATCH:
                # A queue worker is paced: evenly spread with a little jitter.
                starts = (np.arange(number) + dice.rng.random(number)) / number
            else:
                starts = dice.rng.random(number)
            for offset in starts.tolist():
                yield from session(account, (begin_hours + offset / self._parts) * _HOUR, self._composer, dice)


def session(account: Account, at: float, composer: Composer, dice: Dice, turns: int | None = None) -> Iterator[Call]:
    """The calls of one ordinary session of `account` that starts at epoch second `at`."""
    if turns is None:
        more = 1.0 - 1.0 / account.habit.turns
        turns = 1
        while turns < _MAX_TURNS and dice.unit() < more:
            turns += 1
    site, agent = dice.pick(account.sites), dice.zipf(account.agents)
    key, model = dice.zipf(account.keys), dice.zipf(account.models)
    chats = account.habit.kind in (Kind.PERSON, Kind.MEMBER)
    identity = f"sess_{dice.hex(10)}" if chats else None
    end_user = f"user_{dice.zipf(range(account.end_users))}" if account.end_users else None
    address = site.address(dice)
    history: tuple[Exchange, ...] = ()
    turn: Turn | None = None
    for number in range(turns):
        refused = dice.unit() < account.refusal_rate
        call = Call(at, account, key, site, agent, model, identity, end_user, address=address)
        call.refused = refused
        if account.org.sends_content:
            turn = account.author.open(dice) if turn is None else account.author.follow(turn, dice)
            if refused:
                answer = composer.refusal(turn.topic, dice)
            else:
                answer = composer.answer(turn.topic, int(turn.answer_characters), dice, turn.language)
            call.turn, call.history, call.answer = turn, history, answer
            call.answer_tokens = int(len(answer) / 4.2) + 1
            if chats:
                history = (*history, (turn.text, answer))
            reading = len(answer) / 30
        else:
            call.prompt_tokens = int(dice.lognormal(60.0, 1.0)) + 7 + number * 150
            call.answer_tokens = int(dice.lognormal(120.0, 0.8)) + 1
            reading = 15.0
        yield call
        at += 4.0 + reading * 0.5 + dice.lognormal(25.0, 0.9)


def _unsigned(number: int) -> int:
    """Seeds are not negative, but the hour before the first one is looked at as well."""
    return 2 * number if number >= 0 else -2 * number - 1
