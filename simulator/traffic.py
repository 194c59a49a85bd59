"""`simulate`: background and scenarios as one stream of events in time order, with the truth beside it."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from operator import itemgetter

from simulator.background import Background, Load
from simulator.calls import Event, Renderer
from simulator.dice import Dice
from simulator.scenarios.base import Act, Stage, find
from simulator.truth import Truth
from simulator.world import Account, World
from vigil.errors import UsageError

_RENDER_BLOCK = 512
# Share of calls that the newest version of each model answers.
_NEWEST = 0.9


class Simulation:
    """One simulation. `events()` can be read again and gives the same every time."""

    def __init__(self, world: World, acts: Sequence[tuple[str, Act]], truth: Truth) -> None:
        self.world = world
        self.truth = truth
        self._acts = acts

    def accounts(self) -> Iterator[Account]:
        """Everybody who calls: the world's accounts and those that scenarios bring."""
        yield from self.world.accounts
        for _, act in self._acts:
            yield from act.accounts

    def events(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[Event]:
        """Canonical events in time order; memory stays that of an hour's calls.

        `since` and `until` (since ≤ t < until) choose a part without generating the rest; its ordinary traffic is
        that of the whole except for sessions that began more than an hour before `since`.
        """
        first = max(since or self.truth.start, self.truth.start)
        last = min(until or self.truth.end, self.truth.end)
        renderer = Renderer(self.world.composer, newest=_NEWEST)
        load = self._load()
        streams: list[Iterator[tuple[float, Event]]] = [
            self._background(self.world.accounts, "background", renderer).events(first, last, load)
        ]
        for label, act in self._acts:
            streams.append(self._background(act.accounts, label, renderer).events(first, last))
            streams.append(self._planned(label, act, renderer, first, last))
        reshapes = [act.reshape for _, act in self._acts if act.reshape is not None]
        for moment, event in heapq.merge(*streams, key=itemgetter(0)):
            arrived: Event | None = event
            for reshape in reshapes:
                if arrived is not None:
                    arrived = reshape(moment, arrived)
            if arrived is not None:
                yield arrived

    def _background(self, accounts: Sequence[Account], label: str, renderer: Renderer) -> Background:
        return Background(accounts, self.world.composer, renderer, self.world.seed, label, self.truth.start)

    def _planned(
        self, label: str, act: Act, renderer: Renderer, first: datetime, last: datetime
    ) -> Iterator[tuple[float, Event]]:
        start, end = first.timestamp(), last.timestamp()
        dice = Dice.of(self.world.seed, label, "render")
        for at in range(0, len(act.calls), _RENDER_BLOCK):
            block = act.calls[at : at + _RENDER_BLOCK]
            for call, event in zip(block, renderer.render(block, dice), strict=True):
                if start <= call.at < end:
                    yield call.at, event

    def _load(self) -> Load | None:
        loads = [act.load for _, act in self._acts if act.load is not None]
        if not loads:
            return None

        def product(account: Account, hour: float) -> float:
            factor = 1.0
            for load in loads:
                factor *= load(account, hour)
            return factor

        return product


def simulate(
    scenarios: Sequence[str],
    *,
    seed: int,
    start: datetime,
    duration: timedelta,
    scale: str = "small",
    quiet: timedelta | None = None,
    calm: timedelta = timedelta(0),
    pool: Sequence[str] = (),
) -> Simulation:
    """Plan a simulation. The same arguments give the same events, byte for byte.

    `scenarios` are names as `vigil simulate list` shows them; a name given twice plays two instances. Attacks start
    after `quiet` (default: two thirds of the duration), so that detectors have a past to compare with, and are over
    `calm` before the end. `pool` holds texts for first messages, in place of the grammar's. Raises
    UsageError for an unknown name or scale, or a period that is too short.
    """
    if start.tzinfo is None:
        raise UsageError(f"the start {start.isoformat()} needs a UTC offset, e.g. 2026-01-01T00:00:00Z")
    if duration <= timedelta(0):
        raise UsageError("the duration must be positive")
    end = start + duration
    world = World(seed, scale, start, pool)
    seen: Counter[str] = Counter()
    acts = []
    for name in scenarios:
        found = find(name)
        seen[name] += 1
        label = f"{name}-{seen[name]}"
        stage = Stage(
            world=world,
            start=start,
            end=end - calm,
            quiet_until=start + (duration * 2 / 3 if quiet is None else quiet),
            dice=Dice.of(seed, label),
            scenario=found,
            number=seen[name],
        )
        acts.append((label, found.play(stage)))
    instances = tuple(act.instance for _, act in acts)
    return Simulation(world, acts, Truth(seed, scale, start, end, instances))
