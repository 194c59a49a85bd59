"""One performance from start to end: servers, past, play, and what the record says at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from jobs.demo.history import import_history
from jobs.demo.play import Played, play
from jobs.demo.scene import Scene
from jobs.demo.stage import Stage
from jobs.demo.verdict import Verdict, judge
from simulator.sinks import TopicSink
from simulator.traffic import Simulation
from vigil.effect import Action
from vigil.incident import Incident
from vigil.record import Record, actions, incidents

_LOOK_INTO_RECORD_S = 0.5
_TOPIC = "vigil.events"
_DRAIN_S = 20.0
# Real seconds for vigil's processes to start and join before the first event; a machine on which the import took long
# needs longer for this as well.
_LEAD_S, _LEAD_SHARE, _LONGEST_LEAD_S = 7.0, 0.8, 30.0


class View(Protocol):
    """What shows a performance to people while it runs."""

    def step(self, text: str) -> None:
        """Something takes a while now."""
        ...

    def past(self, share: float) -> None:
        """How much of the past has been imported."""
        ...

    def playing(self, played: Played, share: float, verdict: Verdict, restricted: int) -> None:
        """What has been played and found so far; called about 25 times a second."""
        ...


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to report."""

    scene: Scene
    origin: datetime
    verdict: Verdict
    actions: tuple[Action, ...]
    imported: int
    played: int
    refused: Mapping[str, int]
    through_kafka: int
    dead_letters: int
    pages: tuple[str, ...]
    seconds: Mapping[str, float]

    @property
    def problems(self) -> tuple[str, ...]:
        """What went wrong; none when attacks are found and contained and nobody else was touched."""
        found = list(self.verdict.problems)
        if self.through_kafka != self.played:
            found.append(f"{self.played} events were produced to Kafka, {self.through_kafka} are in ClickHouse")
        if self.dead_letters:
            found.append(f"{self.dead_letters} events are dead letters")
        return tuple(found)


def perform(stage: Stage, view: View) -> Outcome:
    """Import the past, play the hour and wait for the last decisions; vigil's processes have ended on return."""
    began = time.monotonic()
    scene, origin = stage.scene, stage.origin
    simulation = scene.simulation(origin)
    view.step("importing two and a half quiet days")
    span = scene.history.total_seconds()
    past = import_history(
        simulation.events(until=origin),
        origin,
        stage.warehouse,
        stage.settings,
        lambda at: view.past(1.0 - (origin - at).total_seconds() / span),
    )
    imported_s = time.monotonic() - began
    view.step("starting ingest, jobs and console")
    clock = stage.raise_curtain(min(_LONGEST_LEAD_S, max(_LEAD_S, _LEAD_SHARE * imported_s)))
    judge_now = _Judge(simulation, stage.record)
    end = origin + scene.length
    last = end + scene.calm

    def finished(played: Played) -> bool:
        share = min(1.0, max(0.0, (played.at - origin) / scene.length))
        stage.check()
        verdict = judge_now.recently()
        view.playing(played, share, verdict, stage.gateway.restricted)
        return played.at >= end and (not verdict.problems or played.at >= last - timedelta(minutes=1))

    with TopicSink(stage.settings, _TOPIC) as sink:
        played = play(simulation.events(since=origin), clock, stage.gateway, sink.send, finished)
    view.step("counting")
    stored = _drained(stage, played.sent)
    stage.drop_curtain()
    verdict, found_actions = judge_now.now()
    dead = int(stage.warehouse.query("SELECT count() FROM dead_letters")[0][0])
    return Outcome(
        scene=scene,
        origin=origin,
        verdict=verdict,
        actions=tuple(found_actions),
        imported=past.events,
        played=played.sent,
        refused=dict(played.refused),
        through_kafka=stored,
        dead_letters=dead,
        pages=tuple(page.title for page in stage.gateway.pages),
        seconds={"past": imported_s, "total": time.monotonic() - began},
    )


class _Judge:
    """Compares the record with the truth, at most twice a second."""

    def __init__(self, simulation: Simulation, record: Record) -> None:
        self._truth = simulation.truth
        self._owners = {
            (account.tenant_id, key): account.account_id for account in simulation.accounts() for key in account.keys
        }
        self._record = record
        self._looked = 0.0
        self._verdict = judge(self._truth, [], [], self._owners)

    def recently(self) -> Verdict:
        """The verdict as of at most half a second ago."""
        if time.monotonic() - self._looked >= _LOOK_INTO_RECORD_S:
            self._verdict, _ = self.now()
            self._looked = time.monotonic()
        return self._verdict

    def now(self) -> tuple[Verdict, list[Action]]:
        """The verdict, and all actions."""
        with self._record.read() as connection:
            found: list[Incident] = incidents.list_incidents(connection, limit=1000)
            acted = actions.list_actions(connection, limit=5000)
        return judge(self._truth, found, acted, self._owners), acted


def _drained(stage: Stage, sent: int) -> int:
    """Events from Kafka in ClickHouse, once all have arrived or time is up."""
    deadline = time.monotonic() + _DRAIN_S
    query = "SELECT uniqExact(event_id) FROM events WHERE kafka_topic = {topic:String}"
    while True:
        stored = int(stage.warehouse.query(query, {"topic": _TOPIC})[0][0])
        if stored >= sent or time.monotonic() > deadline:
            return stored
        time.sleep(0.1)


def logs_of(folder: Path) -> list[Path]:
    """Log files of everything that ran below `folder`."""
    return sorted(folder.glob("*/logs/*.log"))
