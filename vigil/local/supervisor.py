"""Keeps children running: restarts those that die, gives up on those that keep dying, stops all in reverse order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec

from vigil.clock import Clock, SystemClock
from vigil.errors import EXIT_USAGE, DependencyError, VigilError
from vigil.local.logs import shorten
from vigil.local.process import ChildProcess
from vigil.local.restart import RestartPolicy

STOP_BUDGET_S = 25.0
"""Seconds in which the whole service ends; `vigil ingest` and the servers finish what they do within it."""

State = Literal["running", "restarting", "given up", "stopped"]


@dataclass(frozen=True)
class Child:
    """What the supervisor needs to know of a child.

    `start` starts it, again after it died, and returns when it is ready; it raises a VigilError when that fails.
    Without an `essential` child nothing is watched: giving it up ends the service. The others are given up alone.
    """

    process: ChildProcess
    start: Callable[[], None]
    essential: bool = True
    tier: int = 0
    """Tiers are stopped from the highest down, the children of one tier together."""


class ChildState(msgspec.Struct, frozen=True):
    """How a child is doing, for people and for `vigil status`."""

    name: str
    state: State
    pid: int | None
    since: datetime
    restarts: int
    log: str


@dataclass
class _Watched:
    child: Child
    state: State
    since: datetime
    restarts: int = 0
    failures: list[float] = field(default_factory=list)
    start_at: float = 0.0


class Supervisor:
    """Not thread-safe: one thread starts, watches and stops, and outlives the children (their death signal is tied to it)."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        policy: RestartPolicy | None = None,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._policy = policy or RestartPolicy()
        self._clock = clock or SystemClock()
        self._monotonic = monotonic
        self._watched: list[_Watched] = []

    def start(self, child: Child) -> None:
        """Start a child and watch it from now on. Raises what its start raises."""
        watched = _Watched(child, "stopped", self._clock.now())
        self._watched.append(watched)  # before the start: `stop` must find a child that did not get ready
        child.start()
        self._set(watched, "running")

    def states(self) -> tuple[ChildState, ...]:
        """How each child is doing, in the order of their start."""
        return tuple(
            ChildState(
                name=watched.child.process.name,
                state=watched.state,
                pid=watched.child.process.pid if watched.state == "running" else None,
                since=watched.since,
                restarts=watched.restarts,
                log=str(watched.child.process.log_file),
            )
            for watched in self._watched
        )

    def tick(self) -> bool:
        """Look at every child once; returns whether a state changed. Call it a few times a second.

        Raises DependencyError, with the end of its log, when an essential child is given up.
        """
        before = [(watched.state, watched.restarts) for watched in self._watched]
        for watched in self._watched:
            if watched.state == "running" and (status := watched.child.process.poll()) is not None:
                self._failed(watched, f"ended with status {status}", final=status == EXIT_USAGE)
            elif watched.state == "restarting" and self._monotonic() >= watched.start_at:
                self._restart(watched)
        return before != [(watched.state, watched.restarts) for watched in self._watched]

    def shorten_logs(self) -> None:
        """Keep every log below its bound."""
        for watched in self._watched:
            shorten(watched.child.process.log_file)

    def stop(self, *, budget_s: float) -> None:
        """Ask every child to end, the last started first, and kill what has not ended within the budget."""
        deadline = self._monotonic() + budget_s
        tiers = sorted({watched.child.tier for watched in self._watched}, reverse=True)
        for number, tier in enumerate(tiers):
            members = [watched for watched in reversed(self._watched) if watched.child.tier == tier]
            for watched in members:
                watched.child.process.request_stop()
            # Lower tiers keep a share of what is left: a hung consumer must not cost the database its clean end.
            share = 1.0 if number == len(tiers) - 1 else 0.7
            until = self._monotonic() + share * (deadline - self._monotonic())
            for watched in members:
                if watched.child.process.stop(timeout_s=max(0.1, until - self._monotonic())) is not None:
                    self._set(watched, "stopped")

    def _restart(self, watched: _Watched) -> None:
        name = watched.child.process.name
        watched.restarts += 1
        try:
            watched.child.start()
        except VigilError as error:
            watched.child.process.stop(timeout_s=5)
            self._failed(watched, f"did not start again: {error}", final=False)
        else:
            self._set(watched, "running")
            self._say(f"{name} runs again, process {watched.child.process.pid}")

    def _failed(self, watched: _Watched, what: str, *, final: bool) -> None:
        process, now = watched.child.process, self._monotonic()
        watched.failures = [*self._policy.recent(watched.failures, now), now]
        # Wrong use or configuration stays wrong however often it is tried.
        delay = None if final else self._policy.delay_s(watched.failures, now)
        if delay is not None:
            watched.start_at = now + delay
            self._set(watched, "restarting")
            self._say(f"{process.name} {what}; it is started again in {delay:.1f} s; its log is {process.log_file}")
            return
        self._set(watched, "given up")
        times = "once, which will not change" if final else f"{len(watched.failures)} times within a minute"
        message = f"{process.name} failed {times}; the end of {process.log_file}:\n{process.log_tail()}"
        if watched.child.essential:
            raise DependencyError(message)
        self._say(f"{message}\nThe rest goes on without it.")

    def _set(self, watched: _Watched, state: State) -> None:
        watched.state, watched.since = state, self._clock.now()


def unwell(states: Sequence[ChildState]) -> list[ChildState]:
    """The children that do not run."""
    return [state for state in states if state.state != "running"]
