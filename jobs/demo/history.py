"""The quiet past, through the same checks and writer as live traffic."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

import msgspec

from ingest.enrich.addresses import load_hash_key
from ingest.origin import Origin
from ingest.outcome import Accepted, DeadLetter
from ingest.pipeline import Pipeline
from ingest.writer import EventWriter, Written
from simulator.calls import Event
from vigil.clock import SimulatedClock
from vigil.settings import Settings
from vigil.warehouse import Warehouse

_BATCH = 8_000


def import_history(
    events: Iterator[Event],
    until: datetime,
    warehouse: Warehouse,
    settings: Settings,
    progress: Callable[[datetime], None],
) -> Written:
    """Write `events`, received at `until`; `progress` hears the time reached after each batch.

    Events are made and checked while the batch before is being written. Raises WarehouseUnavailable.
    """
    encoder = msgspec.json.Encoder()
    pipeline = Pipeline(settings, SimulatedClock(until), trust_tenant=True, hash_key=load_hash_key(settings))
    writer = EventWriter(warehouse)
    total = Written(0, 0)
    writing: Future[Written] | None = None
    line = 0
    with ThreadPoolExecutor(1, thread_name_prefix="history") as pool:
        while batch := list(itertools.islice(events, _BATCH)):
            accepted: list[Accepted] = []
            dead: list[DeadLetter] = []
            for event in batch:
                line += 1
                origin = Origin(file="history", line=line, source="history")
                for outcome in pipeline.accept(encoder.encode(event), origin, now=until):
                    if isinstance(outcome, Accepted):
                        accepted.append(outcome)
                    else:
                        dead.append(outcome)
            total = _plus(total, writing)
            writing = pool.submit(writer.write, accepted, dead, token=f"history:{line}")
            progress(datetime.fromisoformat(batch[-1]["event_time"]))
        total = _plus(total, writing)
        pool.submit(warehouse.close).result()
    return total


def _plus(total: Written, writing: Future[Written] | None) -> Written:
    if writing is None:
        return total
    written = writing.result()
    return Written(total.events + written.events, total.dead_letters + written.dead_letters)
