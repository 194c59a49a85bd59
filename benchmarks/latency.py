"""Event → queryable and event → confirmed action, on the embedded stack with vigil's real processes.

A producer sends `rate` events a second of simulated traffic to Kafka for `seconds`. `vigil ingest` and `vigil jobs` run
as they do under `vigil up`, on the machine's clock.

* `p99_queryable_ms`: for each event, from the moment it was handed to the producer until a query of ClickHouse first
  saw its offset (polled every 20 ms; the topic has one partition, read in order).
* `p99_confirmed_ms`: `bursts` accounts with two quiet days behind them each make a decisive burst of calls within about
  a second, at different moments. For each, from the moment its last event was handed to the producer until the gateway
  (a signed webhook in this process) had confirmed the first restriction of that account. A confirmation before the
  burst's end counts as 0. An account that is never restricted counts as missed and fails the run.
"""

from __future__ import annotations

import secrets
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from jobs.demo.gateway import Gateway
from jobs.demo.history import import_history
from jobs.demo.surroundings import as_settings, as_variables, merged, play_values, without_variables
from simulator.calls import Event, timestamp
from simulator.sinks import TopicSink
from simulator.traffic import simulate
from vigil.errors import DependencyError
from vigil.local.service import Service
from vigil.record import Record, actions, open_record
from vigil.settings import Settings
from vigil.warehouse import Warehouse, open_warehouse

_TOPIC = "vigil.events"
_TENANT = "lumen-chat"
_POLL_S = 0.02
_BURST_CALLS = 240
_BURST_S = 1.0
_WARM_UP_S = 8.0
_PATIENCE_S = 30.0
_HISTORY = timedelta(hours=50)


def run(*, rate: int = 1000, seconds: int = 60, bursts: int = 60, seed: int = 5) -> dict[str, Any]:
    """Measure; returns the figures (milliseconds, events a second)."""
    with ExitStack() as stack:
        stack.enter_context(without_variables())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vigil-bench-")))
        gateway = stack.enter_context(Gateway(secret=secrets.token_hex(16)))
        servers = stack.enter_context(Service(as_settings({}, folder / "servers"), processes=()))
        values = merged(
            play_values(
                servers=servers.addresses.bootstrap_servers,
                clickhouse_url=servers.addresses.clickhouse_url,
                record=folder / "record.sqlite",
                gateway=gateway.url,
                secret=gateway.secret,
                hash_key=secrets.token_hex(16),
            ),
            # As shipped, not at the demonstration's pace.
            {
                "ingest": {"batch_age_s": Settings().ingest.batch_age_s},
                "detect": {"settle_s": Settings().detect.settle_s},
            },
            {"jobs": Settings().jobs.model_dump(include={"detect_every_s", "dispatch_every_s", "lift_every_s"})},
        )
        settings = as_settings(values, folder / "vigil")
        warehouse, record = open_warehouse(settings), open_record(settings)
        stack.callback(warehouse.close)
        stack.callback(record.close)
        simulation = simulate([], seed=seed, start=datetime.now(UTC) - _HISTORY, duration=_HISTORY, scale="small")
        suspects = [account for account in simulation.world.people() if account.tenant_id == _TENANT][:bursts]
        _say("importing two quiet days")
        now = datetime.now(UTC)
        import_history(simulation.events(), now, warehouse, settings, lambda _: None)
        _say("starting ingest and jobs")
        service = Service(settings, processes=("ingest", "jobs"), environment=as_variables(values))
        stack.enter_context(service)
        watch = stack.enter_context(_Watch(warehouse))
        sink = stack.enter_context(TopicSink(settings, _TOPIC))
        load = _Load(simulation.events(), [account.account_id for account in suspects], rate, seconds, seed)
        _say(f"producing {rate} events/s for {seconds} s")
        load.produce(sink, warm_up_s=_WARM_UP_S)
        sink.flush()
        watch.wait_for(load.sent - 1)
        confirmed = _confirmations(record, set(load.burst_ends), service)
        visible = watch.latencies(load.produced)
        warm = visible[load.first_measured :]
        delays = [
            max(0.0, confirmed[account] - end) for account, end in load.burst_ends.items() if account in confirmed
        ]
        missed = len(load.burst_ends) - len(delays)
    if missed:
        raise DependencyError(f"{missed} of {bursts} bursts were not acted on within {_PATIENCE_S:.0f} s of the end")
    return {
        "events_per_second": round((load.sent - load.first_measured) / load.measured_s, 1),
        "p99_queryable_ms": _percentile_ms(warm, 99),
        "p99_confirmed_ms": _percentile_ms(delays, 99),
        "p50_queryable_ms": _percentile_ms(warm, 50),
        "p50_confirmed_ms": _percentile_ms(delays, 50),
        "max_confirmed_ms": _percentile_ms(delays, 100),
        "events": load.sent,
        "bursts": bursts,
    }


class _Load:
    """A steady stream of simulated events with bursts of single accounts in it."""

    def __init__(self, pool: Iterator[Event], suspects: list[str], rate: int, seconds: int, seed: int) -> None:
        self._rate = rate
        self._seconds = seconds
        self.produced: list[float] = []
        self.burst_ends: dict[str, float] = {}
        self.first_measured = 0
        self.measured_s = float(seconds)
        chosen = set(suspects)
        first: dict[str, Event] = {}
        self._pool: list[Event] = []
        for event in pool:
            if event["account_id"] in chosen:
                first.setdefault(event["account_id"], event)
            elif len(self._pool) < 40_000:
                self._pool.append(event)
        self._suspects = first
        rng = np.random.default_rng(seed)
        # Bursts end early enough that each can still be acted on while the load goes on.
        moments = np.sort(rng.uniform(1.0, max(2.0, seconds - 8.0), len(first))).tolist()
        self._bursts = list(zip(moments, first, strict=True))

    @property
    def sent(self) -> int:
        """Events produced so far."""
        return len(self.produced)

    def produce(self, sink: TopicSink, *, warm_up_s: float) -> None:
        """Produce until the time is up; the warm-up (joining the group, first merges) is sent and not measured."""
        start = time.monotonic()
        until = warm_up_s + self._seconds
        waiting = [(warm_up_s + moment, account) for moment, account in self._bursts]
        running: list[tuple[float, str, int]] = []
        number = 0
        while (elapsed := time.monotonic() - start) < until:
            if not self.first_measured and elapsed >= warm_up_s:
                self.first_measured = self.sent
            while waiting and waiting[0][0] <= elapsed:
                running.append((*waiting.pop(0), 0))
            still = []
            for began, account, done in running:
                due = min(_BURST_CALLS, int((elapsed - began) / _BURST_S * _BURST_CALLS) + 1)
                for _ in range(done, due):
                    self._send(sink, self._suspects[account])
                if due < _BURST_CALLS:
                    still.append((began, account, due))
                else:
                    self.burst_ends[account] = self.produced[-1]
            running = still
            while number < elapsed * self._rate:
                self._send(sink, self._pool[number % len(self._pool)])
                number += 1
            time.sleep(0.002)

    def _send(self, sink: TopicSink, pattern: Event) -> None:
        now = time.time()
        sink.send({**pattern, "event_id": str(uuid.uuid4()), "event_time": timestamp(now)})
        self.produced.append(now)


class _Watch:
    """Polls ClickHouse for the highest offset that a query sees, in a thread of its own."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._seen: list[tuple[float, int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _poll(self) -> None:
        query = "SELECT max(kafka_offset) FROM events WHERE kafka_topic = {topic:String}"
        highest = -1
        while not self._stop.wait(_POLL_S):
            offset = int(self._warehouse.query(query, {"topic": _TOPIC})[0][0])
            if offset > highest:
                highest = offset
                self._seen.append((time.time(), offset))
        self._warehouse.close()

    def wait_for(self, offset: int) -> None:
        """Wait until `offset` is visible. Raises DependencyError when it is not in time."""
        deadline = time.monotonic() + _PATIENCE_S
        while not self._seen or self._seen[-1][1] < offset:
            if time.monotonic() > deadline:
                seen = self._seen[-1][1] if self._seen else -1
                raise DependencyError(f"offset {offset} is not queryable after {_PATIENCE_S:.0f} s, {seen} is")
            time.sleep(_POLL_S)

    def latencies(self, produced: list[float]) -> list[float]:
        """Seconds from production to visibility of each offset."""
        found = []
        step = iter(self._seen)
        at, visible = next(step)
        for offset, produced_at in enumerate(produced):
            while visible < offset:
                at, visible = next(step)
            found.append(at - produced_at)
        return found


def _confirmations(record: Record, accounts: set[str], service: Service) -> dict[str, float]:
    """When the first restriction of each account was confirmed (epoch seconds), once all are or patience ends."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        service.wait(0)
        confirmed: dict[str, float] = {}
        with record.read() as connection:
            for action in actions.list_actions(connection, limit=None):
                if action.effect.restricts and action.confirmed_at is not None and action.target.id in accounts:
                    at = action.confirmed_at.timestamp()
                    confirmed[action.target.id] = min(at, confirmed.get(action.target.id, at))
        if len(confirmed) == len(accounts) or time.monotonic() > deadline:
            return confirmed
        time.sleep(0.25)


def _percentile_ms(seconds: list[float], percent: float) -> float:
    return round(1000 * float(np.percentile(seconds, percent)), 1)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
