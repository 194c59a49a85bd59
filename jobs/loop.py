"""The way from telemetry to effects, step by step: detect, correlate, enforce, dispatch, lift.

The scheduler's jobs call the steps on the machine's clock, `vigil replay` calls `tick` on a simulated one: it is the
same code either way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from detectors.runner import DetectorRunner, RunReport
from enforcement.adapters import Adapter
from enforcement.alerts.keeper import AlertKeeper
from enforcement.alerts.watch import Watch
from enforcement.dispatcher import Dispatcher
from enforcement.engine import Enforcer
from enforcement.incidents import Correlator
from enforcement.lifts import Lifter
from enforcement.policies import Policy
from enforcement.reconcile import Reconciled, Reconciler
from vigil.clock import Clock
from vigil.permitted import PermittedPrincipals
from vigil.record import Record
from vigil.settings import Settings
from vigil.warehouse import Warehouse
from vigil.warehouse.accounts import WarehouseAccounts

_LOOK_AGAIN_S = 0.05


class TickReport(msgspec.Struct, frozen=True):
    """What one turn of the loop did, in numbers, and `name: error` of the detectors that failed."""

    signals: int = 0
    placed: int = 0
    decided: int = 0
    delivered: int = 0
    errors: tuple[str, ...] = ()


class Loop:
    """Holds the parts and runs them in order. Thread-safe: each step runs in one thread at a time.

    Every step can be repeated after a crash: what it reads as work to do is taken off in the transaction that does
    it. The steps raise DependencyError when the warehouse or the record does not answer; the next turn goes on.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        record: Record,
        clock: Clock,
        settings: Settings,
        policies: Sequence[Policy],
        adapters: Mapping[str, Adapter],
        *,
        detectors: DetectorRunner | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        accounts = WarehouseAccounts(warehouse)
        permitted = PermittedPrincipals.load(settings.enforcement.exceptions_file)
        self.stop = stop or threading.Event()
        """Set when the process is to end: long steps return early."""
        self._warehouse = warehouse
        self.record = record
        self.clock = clock
        self.settings = settings
        self.opened_at = clock.now()
        self.detectors = detectors or DetectorRunner(warehouse, record, clock, settings)
        self.correlator = Correlator(record, clock, accounts, permitted)
        self.enforcer = Enforcer(record, clock, settings, policies, accounts, permitted)
        self.dispatcher = Dispatcher(record, clock, adapters, settings)
        self.lifter = Lifter(record, clock)
        self.reconciler = Reconciler(record, clock, adapters)
        self.alerts = AlertKeeper(record, clock, settings.enforcement)
        self.watch = Watch(record, clock)
        self.seconds: dict[str, float] = dict.fromkeys(("detect", "enforce"), 0.0)
        """Real seconds spent so far, for reports: detecting, and everything after it."""
        self._turns = {
            step: threading.Lock() for step in ("detect", "correlate", "enforce", "dispatch", "lift", "reconcile")
        }

    def tick(self) -> TickReport:
        """Look, and act upon what is found before returning.

        What other turns and people left to do, timed effects among it, is for the single steps.
        """
        found = self.detect()
        if not found.signals:
            return TickReport(errors=found.errors)
        placed = self.correlate()
        return TickReport(found.signals, placed, self.enforce(), self.dispatch(), found.errors)

    def detect(self) -> RunReport:
        """Every detector whose window is due."""
        with self._turn("detect", "detect"):
            return self.detectors.run_due()

    def correlate(self) -> int:
        """Waiting signals into incidents; returns their number."""
        with self._turn("correlate", "enforce"):
            return self.correlator.run()

    def enforce(self) -> int:
        """Policies on incidents that changed; returns the number of decisions."""
        with self._turn("enforce", "enforce"):
            return self.enforcer.run()

    def dispatch(self) -> int:
        """Deliver what is due; returns the number of deliveries."""
        with self._turn("dispatch", "enforce"):
            done = 0
            while not self.stop.is_set() and (step := self.dispatcher.run_once()):
                done += step
            return done

    def dispatch_for(self, real_seconds: float) -> int:
        """Deliver what is due and what becomes due in so many seconds; returns the number of deliveries.

        Between two turns of a job nothing would be delivered: this looks on, without writing, until the next turn.
        """
        ends, done = time.monotonic() + real_seconds, self.dispatch()
        while (left := ends - time.monotonic()) > 0 and not self.stop.wait(min(_LOOK_AGAIN_S, left)):
            done += self.dispatch()
        return done

    def lift(self) -> int:
        """End effects whose time is over; returns their number."""
        with self._turn("lift", "enforce"):
            return self.lifter.run_once()

    def reconcile(self) -> Reconciled:
        """Compare what is in force at the gateway with the record, both ways."""
        with self._turn("reconcile", "enforce"):
            return self.reconciler.run_once()

    def close(self) -> None:
        """Close the record and this thread's connection to the warehouse."""
        self.record.close()
        self._warehouse.close()

    @contextmanager
    def _turn(self, step: str, account: str) -> Iterator[None]:
        with self._turns[step]:
            started = time.perf_counter()
            try:
                yield
            finally:
                self.seconds[account] += time.perf_counter() - started
