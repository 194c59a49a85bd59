"""Nothing lost, nothing twice, wherever processes die, stall, are fenced or take over: the real loop, simulated outside.

Every call that leaves the process is a step. Before and after each, chance may kill the process, or stall it while
others join the group, take its partitions over, work (and die) in its place; then it wakes up and goes on, unaware.
A commit may get no answer and reach the broker any time later; the topics may be deleted and created again, and records
be fetched by an offset of the topic that was there before.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from ingest.intake import Intake
from ingest.memory import MemoryBroker, MemorySource
from ingest.outcome import Accepted, DeadLetter
from ingest.pipeline import Pipeline
from ingest.source import Partition
from ingest.writer import Written
from tests.ingest.events import NOW, raw
from vigil.errors import BrokerUnavailable, WarehouseUnavailable
from vigil.settings import Settings

PARTITIONS = (Partition("vigil.events", 0), Partition("vigil.events", 1))
BATCH_ROWS = 4
MAX_STALLED = 3


class Killed(BaseException):
    """SIGKILL: nothing catches it."""


class PassingClock:
    """Moves on whenever it is read, so that no decision can be made at the same moment twice."""

    def __init__(self) -> None:
        self._now = NOW

    def now(self) -> datetime:
        self._now += timedelta(minutes=1)
        return self._now

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds()


class Store:
    """ClickHouse as far as it matters: an insert whose token a table knows changes nothing."""

    def __init__(self) -> None:
        self._tokens: set[tuple[str, str]] = set()
        self.rows: Counter[bytes] = Counter()

    def insert(self, table: str, token: str, outcomes: Sequence[Accepted | DeadLetter]) -> None:
        if outcomes and (table, token) not in self._tokens:
            self._tokens.add((table, token))
            self.rows.update(item.raw for item in outcomes)


class World:
    """Broker, store, and processes whose fate is chance's."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.broker = MemoryBroker(PARTITIONS)
        self.store = Store()
        self.clock = PassingClock()
        self.crashes = self.unanswered = self.topics_created_anew = 0
        self._produced = 0
        self._stalled = 0
        self._calm = False
        self._seconds = 0.0

    def now_s(self) -> float:
        self._seconds += 0.2
        return self._seconds

    def step(self) -> None:
        """What may happen at any moment."""
        fate = 1.0 if self._calm else self.chance.random()
        if fate < 0.03:
            self.crashes += 1
            raise Killed
        if fate < 0.05 and self._stalled < MAX_STALLED:
            self._stalled += 1
            self.process(cycles=self.chance.randrange(1, 12))
            self._stalled -= 1
        elif fate < 0.07:
            self.produce(self.chance.randrange(1, 4))
        elif fate < 0.09:
            self.broker.deliver_late_commits()
        elif fate < 0.091:
            self.topics_created_anew += 1
            self.broker.recreate_topics()
            self.produce(self.chance.randrange(0, 40))

    def times_out(self) -> bool:
        """Whether a commit is left without an answer."""
        unanswered = not self._calm and self.chance.random() < 0.05
        self.unanswered += unanswered
        return unanswered

    def produce(self, count: int) -> None:
        """Events at the very edge of the time window: whether they are accepted depends on when they are judged."""
        for _ in range(count):
            self._produced += 1
            age = timedelta(days=30, minutes=-self.chance.randrange(0, 120))
            payload = raw(event_time=(NOW - age).isoformat(), event_id=..., session_id=str(self._produced))
            self.broker.produce(self.chance.choice(PARTITIONS), [payload])

    def process(self, cycles: int) -> None:
        """A new process: others may by now be thought dead, and it lives for some cycles or until it is killed."""
        source = MemorySource(self.broker, max_records=7, step=self.step, times_out=self.times_out)
        for other in list(self.broker.members):
            if other is not source and self.chance.random() < 0.7:
                self.broker.expel(other)
        options = {"batch_rows": BATCH_ROWS, "bad_run_limit": 10_000}
        configured = Settings(ingest=options)
        pipeline = Pipeline(configured, self.clock, trust_tenant=False, hash_key=b"k")
        intake = Intake(
            source, _Sink(self), pipeline, configured.ingest, self.clock, {"vigil.events": "canonical"},
            threading.Event(), now_s=self.now_s,
        )  # fmt: skip
        try:
            for _ in range(cycles):
                with suppress(BrokerUnavailable):
                    intake.cycle(0.1)
            intake.settle()
            source.close()
        except Killed:
            self.broker.expel(source)

    def drain(self) -> None:
        """The last process, undisturbed, until everything is stored."""
        self._calm = True
        self.broker.deliver_late_commits()
        for member in list(self.broker.members):
            self.broker.expel(member)
        self.process(cycles=200)


class _Sink:
    """Three inserts a batch; ClickHouse may be away before, between or after any of them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def write(self, accepted: Sequence[Accepted], dead: Sequence[DeadLetter], *, token: str) -> Written:
        self._reach()
        self._world.store.insert("dead_letters", token, dead)
        self._reach()
        self._world.store.insert("events", token, accepted)
        self._reach()
        return Written(len(accepted), len(dead))

    def _reach(self) -> None:
        self._world.step()
        if not self._world._calm and self._world.chance.random() < 0.05:
            raise WarehouseUnavailable("away")


def simulate(crashes: int, seed: int) -> dict[str, int]:
    """Worlds until so many processes have crashed; `lost` and `duplicated` count records and must be 0."""
    seen: Counter[str] = Counter({"lost": 0, "duplicated": 0})
    while seen["simulated_crashes"] < crashes:
        seen.update(one_world(seed))
        seed += 1
    return dict(seen)


def one_world(seed: int) -> dict[str, int]:
    """What happened in one world, and what became of its records."""
    world = World(seed)
    world.produce(30)
    for _ in range(12):
        world.process(cycles=world.chance.randrange(1, 15))
        world.produce(world.chance.randrange(0, 6))
    world.drain()
    there = {payload for log in world.broker.log.values() for payload in log}
    return {
        "simulated_crashes": world.crashes,
        "unanswered_commits": world.unanswered,
        "topics_created_anew": world.topics_created_anew,
        "lost": len(there - set(world.store.rows)),
        "duplicated": sum(count - 1 for count in world.store.rows.values()),
    }
