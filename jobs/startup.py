"""Bringing the loop up: open what it needs, waiting for servers that are still starting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from enforcement.adapters import make_adapters
from enforcement.policies import load_policies
from jobs.leadership import Leadership
from jobs.loop import Loop
from vigil.errors import RecordUnavailable, WarehouseUnavailable
from vigil.log import get_logger
from vigil.record import open_record
from vigil.settings import Settings
from vigil.warehouse import migrate, open_warehouse

log = get_logger("jobs")

RETRY_REAL_S = 2.0

T = TypeVar("T")


class Stopped(Exception):
    """Asked to stop before everything was reachable."""


def open_loop(settings: Settings, stop: threading.Event, *, wait: bool) -> Loop:
    """The loop over the configured stores, their schemas up to date.

    With `wait`, a record or warehouse that does not answer is tried again until it does; Stopped is raised when `stop`
    is set meanwhile. Without, RecordUnavailable or WarehouseUnavailable is raised. ConfigError and WorkspaceError are
    raised at once: waiting does not mend them.
    """
    clock = settings.make_clock()
    policies = load_policies(settings.policies)
    adapters = make_adapters(settings)
    warehouse = open_warehouse(settings)
    until = stop if wait else None
    record = _when_reachable(lambda: open_record(settings), until)
    _when_reachable(lambda: migrate(warehouse), until)
    return Loop(warehouse, record, clock, settings, policies, adapters, stop=stop)


def make_leadership(loop: Loop, settings: Settings) -> Leadership:
    """What decides whether this scheduler is active: Kafka where there is a cluster, else a lease in the record.

    The embedded broker is not asked: it forgets its groups when it restarts, and there is one scheduler beside it.
    """
    choice = settings.jobs.leadership
    if choice == "kafka" or (choice == "auto" and settings.kafka.bootstrap_servers is not None):
        from jobs.kafka_leadership import KafkaLeadership

        return KafkaLeadership(loop.record, loop.clock, settings)
    return Leadership(loop.record, loop.clock)


def _when_reachable(step: Callable[[], T], stop: threading.Event | None) -> T:
    attempt = 0
    while True:
        try:
            return step()
        except (RecordUnavailable, WarehouseUnavailable) as error:
            if stop is None:
                raise
            if attempt & (attempt - 1) == 0:  # the first and then ever more rarely
                log.warning("waiting for a server", detail=str(error), attempt=attempt + 1)
            attempt += 1
        if stop.wait(RETRY_REAL_S):
            raise Stopped
