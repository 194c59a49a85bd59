"""The contract of a scenario, and the registry of all of them.

A scenario is one function in one file, registered by `@scenario`. Its docstring has four paragraphs: one line of
summary, then `Attacker:` (or `What happens:`), `Reported as:` (which kind of public report describes such things) and
`Should notice:`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from simulator.background import Load
from simulator.calls import Call, Event
from simulator.dice import Dice
from simulator.truth import Instance, TrueSubject
from simulator.world import Account, World
from vigil.errors import UsageError
from vigil.signal import IncidentKind

Reshape = Callable[[float, Event], Event | None]
"""What becomes of an event at an epoch second: itself, changed (a copy), or None when it never arrives."""


class Stage(msgspec.Struct, frozen=True):
    """Where and when a scenario plays: the world, the simulated period, and from when on it may be disturbed."""

    world: World
    start: datetime
    end: datetime
    quiet_until: datetime
    dice: Dice
    scenario: Scenario
    number: int

    def length(self, shortest: timedelta, longest: timedelta) -> timedelta:
        """A random length between the two that fits into the period, if the shortest does."""
        room = max(shortest, min(longest, self.end - self.quiet_until))
        return timedelta(seconds=self.dice.between(shortest.total_seconds(), room.total_seconds()))

    def moment(self, length: timedelta) -> float:
        """A random start (epoch seconds) such that `length` fits. Raises UsageError when the period is too short."""
        room = self.end - self.quiet_until - length
        if room < timedelta(0):
            raise UsageError(
                f"scenario {self.scenario.name} needs {length} after the quiet time, which ends at {self.quiet_until:%Y-%m-%d %H:%M}Z;"
                f" the simulation ends at {self.end:%Y-%m-%d %H:%M}Z: lengthen --duration or shorten --quiet"
            )
        return self.quiet_until.timestamp() + room.total_seconds() * self.dice.unit()

    def instance(
        self,
        tenant_id: str,
        subjects: Sequence[TrueSubject],
        start: float,
        end: float,
        summary: str,
        *,
        detectable_from: float | None = None,
        kinds: Sequence[IncidentKind] | None = None,
        facts: Mapping[str, str | int | float] | None = None,
        permitted_orgs: Sequence[str] = (),
    ) -> Instance:
        """The truth of this instance. Times in epoch seconds; `kinds` defaults to all of the scenario's."""
        return Instance(
            scenario=self.scenario.name,
            instance_id=f"{self.scenario.name}-{self.number}",
            tenant_id=tenant_id,
            lookalike=self.scenario.lookalike,
            kinds=self.scenario.kinds if kinds is None else tuple(kinds),
            subjects=tuple(subjects),
            start=at(start),
            end=at(end),
            detectable_from=None if detectable_from is None else at(detectable_from),
            summary=summary,
            facts=dict(facts or {}),
            permitted_orgs=tuple(permitted_orgs),
        )


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario brings: its truth, and any of: accounts with ordinary traffic of their own, planned calls, a
    factor on the load of the world's accounts, a change of events on their way."""

    instance: Instance
    accounts: Sequence[Account] = ()
    calls: Sequence[Call] = ()
    load: Load | None = None
    reshape: Reshape | None = None


Play = Callable[[Stage], Act]


class Scenario(msgspec.Struct, frozen=True):
    """A registered scenario. `kinds` are the incident kinds that describe it; a look-alike has none."""

    name: str
    play: Play
    lookalike: bool
    kinds: tuple[IncidentKind, ...]

    @property
    def description(self) -> dict[str, str]:
        """The paragraphs of its docstring: `summary`, `attacker` or `what happens`, `reported as`, `should notice`."""
        paragraphs = inspect.cleandoc(self.play.__doc__ or "").split("\n\n")
        described = {"summary": " ".join(paragraphs[0].split())}
        for paragraph in paragraphs[1:]:
            label, _, text = paragraph.partition(":")
            described[label.strip().lower()] = " ".join(text.split())
        return described


_REGISTRY: dict[str, Scenario] = {}


def scenario(*kinds: IncidentKind, lookalike: bool = False) -> Callable[[Play], Play]:
    """Register a scenario under the name of its function."""

    def register(play: Play) -> Play:
        name = play.__name__
        _REGISTRY[name] = Scenario(name, play, lookalike, kinds)
        return play

    return register


def all_scenarios() -> dict[str, Scenario]:
    """Every scenario by name, sorted; each module of this package is imported once."""
    package = importlib.import_module("simulator.scenarios")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"simulator.scenarios.{module.name}")
    return dict(sorted(_REGISTRY.items()))


def find(name: str) -> Scenario:
    """The scenario of that name. Raises UsageError with the nearest ones."""
    import difflib

    known = all_scenarios()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
        raise UsageError(f"no scenario {name!r}{hint}")
    return known[name]


def at(epoch_seconds: float) -> datetime:
    """Epoch seconds as a time in UTC."""
    return datetime.fromtimestamp(epoch_seconds, UTC)
