"""Real scheduler processes, two at once, killed with SIGKILL at every step, over a gateway that misbehaves."""

from __future__ import annotations

import multiprocessing
import random
import signal
import tempfile
import time
from collections import Counter
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.enforcement.sample import ring
from tests.faults import worker
from tests.faults.gateway import RuleKeepingGateway
from tests.faults.oracle import Judgement, judge
from tests.faults.server import FaultyServer, running
from vigil.clock import SystemClock
from vigil.record import Record, actions, incidents, outbox

_POLICY = """
policy: throttle
owner: trust
mode: live
when: incident.kind == "coordinated_ring"
ladder: [throttle: {rpm: 10, for: 3s}, suspend: {for: 4s}]
page: oncall
"""
_STEPS = range(1, 60)
_PATIENCE_S = 90.0


class _Workers:
    """Processes under a record and a gateway; each that died is followed by the next.

    They are forked from a server that has imported everything, so that a start takes no seconds.
    """

    def __init__(self, record_url: str, gateway: str, folder: Path) -> None:
        self._arguments = (record_url, gateway, str(folder))
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.faults.worker"])
        self._running: list[ForkServerProcess] = []

    def start(self, step: int) -> None:
        """One more, to be killed at its step-th step; 0: never."""
        process = self._context.Process(target=worker.main, args=(*self._arguments, step))
        process.start()
        self._running.append(process)

    def dead(self) -> int:
        """How many died by SIGKILL since the last look. RuntimeError when one ended otherwise."""
        ended = [one for one in self._running if one.exitcode is not None]
        self._running = [one for one in self._running if one not in ended]
        for one in ended:
            if one.exitcode != -signal.SIGKILL:
                raise RuntimeError(f"a scheduler ended with status {one.exitcode} instead of running on")
        return len(ended)

    def stop(self) -> None:
        """Tell those that run to stop, and wait."""
        for one in self._running:
            one.terminate()
        for one in self._running:
            one.join(30)


def kill_schedulers(record: Record, record_url: str, kills: int, seed: int) -> tuple[Counter[str], Judgement]:
    """Kill so many; returns what was injected, and the judgement once a scheduler that lives has settled everything."""
    randomness = random.Random(seed)
    gateway, injected = RuleKeepingGateway(), Counter[str]()
    with (
        tempfile.TemporaryDirectory(prefix="vigil-faults-") as folder,
        running(FaultyServer(gateway, worker.SECRET, seed)) as faulty,
    ):
        (Path(folder) / "policy.yaml").write_text(_POLICY)
        workers = _Workers(record_url, faulty.url, Path(folder))
        try:
            faulty.share = 0.3
            opened, done, started = 0, 0, 0
            deadline = time.monotonic() + 120 + 15 * kills
            while done < kills:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{done} of {kills} schedulers died in time; do they make any steps?")
                died = workers.dead()
                done += died
                while started < min(kills, done + 2):
                    # Every step in turn, from the first transaction to well behind the first deliveries.
                    workers.start(_STEPS[(seed * 7 + started * 11) % len(_STEPS)])
                    started += 1
                names = [f"u-{number}" for number in randomness.sample(range(40), 3)]
                if opened >= 8 * (done + 1):
                    time.sleep(0.2)
                    continue
                with record.write() as connection:
                    opened += 1
                    now = SystemClock().now()
                    incidents.add(connection, ring(*names, incident_id=f"inc_{opened}", opened_at=now, updated_at=now))
                time.sleep(0.2)
            injected["a scheduler is killed"] = done
            injected += faulty.injected
            faulty.share = 0.0
            workers.start(0)
            _wait_for_quiet(record)
            workers.dead()
        finally:
            workers.stop()
    return injected, judge(record, gateway)


def _wait_for_quiet(record: Record) -> None:
    deadline, quiet = time.monotonic() + _PATIENCE_S, 0
    while quiet < 3:
        if time.monotonic() > deadline:
            return  # the oracle will say what never settled
        time.sleep(0.3)
        now = SystemClock().now()
        with record.read() as connection:
            busy = outbox.count_pending(connection) + len(incidents.unenforced(connection, 1))
            busy += len(actions.overdue(connection, now))
        quiet = 0 if busy else quiet + 1
