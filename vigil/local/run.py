"""Running the service in the foreground until a signal ends it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from vigil.local.addresses import Addresses
from vigil.local.service import Service
from vigil.local.supervisor import STOP_BUDGET_S

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextmanager
def stopped_by_signals(service: Service, say: Callable[[str], None]) -> Iterator[None]:
    """Inside, SIGTERM, SIGINT (Ctrl-C) and SIGHUP ask the service to stop. Main thread only."""

    def ask(number: int, _: FrameType | None) -> None:
        say(f"{signal.Signals(number).name}: stopping all processes, which may take {STOP_BUDGET_S:.0f} s")
        service.request_stop()

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_in_foreground(service: Service, say: Callable[[str], None], started: Callable[[Addresses], None]) -> None:
    """Start, call `started`, and stay until a signal or `vigil down` ends it. Raises as Service.start and Service.wait do."""
    with stopped_by_signals(service, say):
        try:
            service.start()
            if service.running:
                started(service.addresses)
            service.wait()
        finally:
            service.stop()
