"""Faults in enforcement: no action twice, none lost, whatever fails and whoever dies.

Nine tenths of the faults are injected into processes simulated on a clock moved by hand (fault points before, in and
after every transaction and call, a misbehaving gateway, clock jumps, database restarts, two leaders at once); the
rest into real scheduler processes that are killed with SIGKILL while a real HTTP gateway misbehaves. Afterwards the
gateway's own log is compared with the record. Each half of the simulated ones runs on its own database where
PostgreSQL is installed.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.faults.killed import kill_schedulers
from tests.faults.simulated import storm
from tests.postgres import postgres_binaries, running_postgres
from vigil.record import connect, sqlite_url

_A_STORM = 250
"""Faults a world: few enough that its record stays small, enough that faults meet each other's consequences."""


def run(faults: int, seed: int) -> dict[str, Any]:
    """Inject at least so many faults; `double_actions` and `lost_actions` must be 0, `problems` says what they are."""
    injected: Counter[str] = Counter()
    double: list[str] = []
    lost: list[str] = []
    kills = max(2, faults // 50)
    with _databases() as databases:
        world = 0
        while injected.total() < faults - kills:
            url = databases(world)
            record = connect(url)
            raging, judgement = storm(record, min(_A_STORM, faults - kills - injected.total()), seed + world)
            record.close()
            injected += raging.injected
            double += judgement.double
            lost += judgement.lost
            world += 1
        url = databases(world)
        record = connect(url)
        struck, judgement = kill_schedulers(record, url, kills, seed)
        record.close()
        injected += struck
        double += judgement.double
        lost += judgement.lost
    return {
        "injected": injected.total(),
        "double_actions": len(double),
        "lost_actions": len(lost),
        "worlds": world + 1,
        "schedulers_killed": injected["a scheduler is killed"],
        "faults": dict(sorted(injected.items())),
        "problems": (double + lost)[:20],
    }


@contextmanager
def _databases() -> Iterator[Any]:
    """A function from a number to the URL of a new record: every other one on PostgreSQL, where that is installed."""
    import psycopg

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vigil-faults-")))
        binaries = postgres_binaries()
        server = None
        if binaries is not None:
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="vigil-pg-", ignore_cleanup_errors=True))
            server = stack.enter_context(running_postgres(binaries, Path(place)))

        def make(number: int) -> str:
            if server is None or number % 2 == 0:
                return sqlite_url(folder / f"{number}.sqlite")
            with psycopg.connect(server, autocommit=True) as admin:
                admin.execute(f"CREATE DATABASE faults_{number}")
            return f"{server.rsplit('/', 1)[0]}/faults_{number}"

        yield make
