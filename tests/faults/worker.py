"""A scheduler process that dies by SIGKILL at a given step.

It is the real scheduler with its leadership and its jobs, over the real record and the real webhook adapter; only
its leases are short, so that a successor need not wait long. STEP 0: it lives until it is told to stop.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path

from pydantic import SecretStr

from enforcement.adapters import make_adapters
from enforcement.dispatcher import Dispatcher
from enforcement.engine import Enforcer
from enforcement.policies import load_policies
from jobs.catalogue import CATALOGUE
from jobs.leadership import Leadership
from jobs.loop import Loop
from jobs.scheduler import Scheduler
from tests.faults.points import FaultPoints, FaultyRecord
from vigil.permitted import PermittedPrincipals
from vigil.record import connect
from vigil.settings import EnforcementSettings, JobsSettings, Settings
from vigil.warehouse import Warehouse
from vigil.warehouse.accounts import StaticAccounts

SECRET = "faults"
LEASE_S = 1.5
_NOWHERE = "clickhouse://vigil:x@127.0.0.1:1/vigil"


def main(record_url: str, gateway: str, folder: str, step: int) -> None:
    """Run until killed or told to stop."""
    logging.disable(logging.WARNING)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    settings = Settings(
        policies=Path(folder),
        enforcement=EnforcementSettings(
            adapter="webhook",
            webhook_url=f"{gateway}/effects",
            webhook_state_url=f"{gateway}/in-force",
            page_url=f"{gateway}/pages",
            webhook_secret=SecretStr(SECRET),
            delivery_timeout_s=0.5,
        ),
        jobs=JobsSettings(detect_every_s=0.3, dispatch_every_s=0.25, lift_every_s=0.5, reconcile_every_s=2),
    )
    points = FaultPoints()
    if step:
        points.arm(step, lambda: os.kill(os.getpid(), signal.SIGKILL))
    record = FaultyRecord(connect(record_url).engine, points)
    clock = settings.make_clock()
    adapters = make_adapters(settings)
    policies = load_policies(settings.policies)
    loop = Loop(Warehouse(_NOWHERE), record, clock, settings, policies, adapters, stop=stop)
    # No account facts: there is no warehouse, and no fault of it is injected here.
    loop.enforcer = Enforcer(record, clock, settings, policies, StaticAccounts({}), PermittedPrincipals())
    loop.dispatcher = Dispatcher(record, clock, adapters, settings, lease_s=2.0)
    jobs = tuple(job for job in CATALOGUE if job.name in ("enforce", "dispatch", "lift", "reconcile"))
    leadership = Leadership(record, clock, lease_s=LEASE_S)
    Scheduler(loop, settings, leadership, catalogue=jobs, renew_s=LEASE_S / 3).run(stop)
