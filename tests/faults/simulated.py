"""Faults at every step of dispatcher, lifter, enforcer and reconciler, in one process and on a clock moved by hand."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from enforcement.adapters import Adapter, Answer
from enforcement.dispatcher import Dispatcher
from enforcement.engine import Enforcer
from enforcement.lifts import Lifter
from enforcement.policies.reader import read_policy
from enforcement.reconcile import Reconciler
from tests.enforcement.sample import ring
from tests.faults.gateway import RuleKeepingGateway
from tests.faults.misbehaviour import MISBEHAVIOURS, FaultyGatewayAdapter, Misbehaviour
from tests.faults.oracle import Judgement, judge
from tests.faults.points import FaultPoints, FaultyRecord, Killed
from vigil.delivery import Delivery
from vigil.effect import ActionState
from vigil.errors import RecordUnavailable, UsageError
from vigil.permitted import PermittedPrincipals
from vigil.record import Record, actions, approvals, incidents, kill_switches, outbox, reversals
from vigil.settings import EnforcementSettings, Settings
from vigil.warehouse.accounts import StaticAccounts

_START = datetime(2026, 3, 28, 22, tzinfo=UTC)
_POLICIES = (
    """
policy: throttle
owner: trust
mode: live
when: incident.kind == "coordinated_ring"
ladder: [throttle: {rpm: 10, for: 20m}, suspend: {for: 2h}]
""",
    """
policy: tell
owner: trust
mode: live
when: incident.severity >= MEDIUM
ladder: [notify_owner]
page: oncall
""",
    """
policy: suspend
owner: trust
mode: live
when: incident.severity >= HIGH
targets: {members: member.score >= 0.9}
ladder: [suspend: {for: 45m}]
approval: {from: suspend, by: 1}
""",
)
_ROUNDS_OF_QUIET = 600


class HandClock:
    """Moved by hand, backwards too; its seconds are real ones."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def move(self, span: timedelta) -> None:
        self._now += span

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds()


class Process:
    """One copy of everything that enforces, with a life of its own: when it is killed, a new one takes its place."""

    def __init__(self, storm: Storm) -> None:
        self.points = FaultPoints()
        record = FaultyRecord(storm.record.engine, self.points)
        self.gateway = FaultyGatewayAdapter(storm.gateway, self.points, storm.randomness)
        adapters: dict[str, Adapter] = {"log": self.gateway, "page": self.gateway}
        settings = Settings(enforcement=EnforcementSettings(delivery_timeout_s=10))
        self.dispatcher = Dispatcher(record, storm.clock, adapters, settings)
        enforcer = Enforcer(record, storm.clock, settings, storm.policies, StaticAccounts({}), PermittedPrincipals())
        lifter, reconciler = Lifter(record, storm.clock), Reconciler(record, storm.clock, adapters)
        self.steps: dict[str, Callable[[], object]] = {
            "enforce": enforcer.run,
            "dispatch": self.dispatcher.run_once,
            "lift": lifter.run_once,
            "reconcile": reconciler.run_once,
        }


class Storm:
    """Two processes over one record and one gateway, while everything that can go wrong does."""

    def __init__(self, record: Record, seed: int, folder: Path) -> None:
        self.record = record
        self.randomness = random.Random(seed)
        self.clock = HandClock(_START)
        self.gateway = RuleKeepingGateway()
        self.policies = []
        for number, text in enumerate(_POLICIES):
            (folder / f"{number}.yaml").write_text(text)
            self.policies.append(read_policy(folder / f"{number}.yaml"))
        self.processes = [Process(self), Process(self)]
        self.injected: Counter[str] = Counter()
        self.kills = 0
        self._opened = 0
        self._late: list[Callable[[], None]] = []

    def rage(self, faults: int) -> None:
        """Go on until so many faults were injected."""
        while self.injected.total() < faults:
            self._live()
            process = self.randomness.choice(self.processes)
            self._arm(process)
            self._run(process, self.randomness.choices(list(process.steps), [3, 9, 2, 1])[0])
            self.clock.move(timedelta(seconds=self.randomness.choice([0, 1, 5, 30, 120])))

    def calm(self) -> Judgement:
        """No more faults: everything must come to rest, and then the gateway and the record agree."""
        for process in self.processes:
            process.points.disarm()
            process.gateway.armed.clear()
            process.gateway.blind = 0
            for delivery in process.gateway.late:
                self.gateway.take(delivery)
        with self.record.read() as connection:
            switches = kill_switches.active(connection, self.clock.now())
        for switch in switches:
            kill_switches.release(self.record, self.clock, switch.switch_id, actor="ana")
        survivor = self.processes[0]
        for _ in range(_ROUNDS_OF_QUIET):
            for name in ("lift", "enforce", "dispatch", "reconcile"):
                survivor.steps[name]()
            with self.record.read() as connection:
                waiting = outbox.count_pending(connection)
                over = actions.overdue(connection, self.clock.now())
            if not waiting and not over:
                break
            self.clock.move(timedelta(minutes=1))
        survivor.steps["reconcile"]()
        return judge(self.record, self.gateway)

    def _live(self) -> None:
        """Incidents open and people act, whatever the weather."""
        dice = self.randomness.random()
        if dice < 0.3:
            names = self.randomness.sample([f"u-{number}" for number in range(25)], self.randomness.randint(1, 4))
            with self.record.write() as connection:
                self._opened += 1
                incidents.add(connection, ring(*names, incident_id=f"inc_{self._opened}", opened_at=self.clock.now()))
        elif dice < 0.36:
            self._person(reversals.lift, ActionState.CONFIRMED, "wrong account")
        elif dice < 0.40:
            self._person(reversals.lift, ActionState.DISPATCHED, "wrong account")
        elif dice < 0.48:
            self._person(approvals.approve, ActionState.HELD, "yes")
        elif dice < 0.5:
            end = self.clock.now() + timedelta(minutes=10)
            scope = kill_switches.Scope.GLOBAL
            kill_switches.engage(self.record, self.clock, scope, "", owner="ana", reason="storm", expires_at=end)

    def _person(self, verb: Callable[..., object], state: ActionState, words: str) -> None:
        with self.record.read() as connection:
            found = actions.list_actions(connection, states=[state], limit=None)
        if found:
            with suppress(UsageError):  # a person is told that it cannot be done: an answer like any other
                verb(self.record, self.clock, self.randomness.choice(found).action_id, "ana", words)

    def _arm(self, process: Process) -> None:
        """Choose what goes wrong in the next step."""
        kind = self.randomness.choices(
            ["gateway", "kill", "database", "clock", "second leader", "blind", "forgets", "late copy", "nothing"],
            [12, 5, 3, 1, 4, 1, 1, 2, 1],
        )[0]
        if kind == "gateway":
            for _ in range(self.randomness.randint(1, 4)):
                name = self.randomness.choice(list(MISBEHAVIOURS))
                process.gateway.armed.append(self._counted(name))
        elif kind == "kill":
            process.points.arm(self.randomness.randint(1, 9), self._kill)
        elif kind == "database":
            process.points.arm(self.randomness.randint(1, 9), self._restart_database)
        elif kind == "clock":
            self.injected["the clock jumps"] += 1
            self.clock.move(timedelta(minutes=self.randomness.choice([-180, -61, -5, 5, 61, 180])))
        elif kind == "second leader":
            process.gateway.during = self._second_leader(process)
        elif kind == "blind":
            process.gateway.blind += 1
            self.injected["the gateway does not say what is in force"] += 1
        elif kind == "forgets" and self.gateway.in_force:
            self.gateway.forget(self.randomness.choice(sorted(self.gateway.in_force)))
            self.injected["the gateway forgets an effect"] += 1
        elif kind == "late copy" and process.gateway.late:
            self.gateway.take(process.gateway.late.pop(0))
            self.injected["a copy of a request arrives late"] += 1

    def _counted(self, name: str) -> Misbehaviour:
        behave = MISBEHAVIOURS[name]

        def counted(gateway: RuleKeepingGateway, delivery: Delivery) -> Answer:
            self.injected[name] += 1
            return behave(gateway, delivery)

        return counted

    def _kill(self) -> None:
        self.injected["killed"] += 1
        raise Killed

    def _restart_database(self) -> None:
        self.injected["the database restarts"] += 1
        raise RecordUnavailable("the record closed the connection: restarting")

    def _second_leader(self, first: Process) -> Callable[[], None]:
        """While a call is under way its lease ends, and another process does the same work."""
        other = self.processes[1] if first is self.processes[0] else self.processes[0]

        def takes_over() -> None:
            self.injected["a second leader at once"] += 1
            self.clock.move(timedelta(minutes=2))
            self._run(other, "dispatch")

        return takes_over

    def _run(self, process: Process, step: str) -> None:
        try:
            process.steps[step]()
        except Killed:
            self.kills += 1
            fresh = Process(self)
            fresh.gateway.late = process.gateway.late
            self.processes[self.processes.index(process)] = fresh
        except RecordUnavailable:
            pass  # the job fails and its next turn goes on
        process.points.disarm()


def storm(record: Record, faults: int, seed: int) -> tuple[Storm, Judgement]:
    """A storm of so many faults and the calm after it."""
    with tempfile.TemporaryDirectory(prefix="vigil-faults-") as folder:
        raging = Storm(record, seed, Path(folder))
        raging.rage(faults)
        return raging, raging.calm()
