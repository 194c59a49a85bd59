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

import itertools
import secrets
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
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
from vigil.errors import DependencyError, UsageError, VigilError
from vigil.local.service import Service
from vigil.record import Record, actions, open_record
from vigil.settings import Settings
from vigil.warehouse import Warehouse, open_warehouse

_TOPIC = "vigil.events"
_POLL_S = 0.02
_BURST_CALLS = 600
# What makes a burst decisive: far above a busy hour of the peers, so many times the busiest hour of its account, in an
# account with so many active hours.
_BURST_RATIO, _LEAST_HOURS = 40, 6
_BURST_S = 1.0
_STEADY_S = 4.0
_STEP_S = 0.002
_PATIENCE_S = 30.0
_HISTORY = timedelta(hours=50)


def run(*, rate: int = 1000, seconds: int = 60, bursts: int = 50, seed: int = 5) -> dict[str, Any]:
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
        now = datetime.now(UTC)
        simulation = simulate([], seed=seed, start=now - _HISTORY, duration=_HISTORY, scale="small")
        past = _Past()
        _say("importing two quiet days")
        import_history(past.noting(simulation.events()), now, warehouse, settings, lambda _: None)
        _say("starting ingest and jobs")
        service = Service(settings, processes=("ingest", "jobs"), environment=as_variables(values))
        stack.enter_context(service)
        watch = stack.enter_context(_Watch(warehouse))
        sink = stack.enter_context(TopicSink(settings, _TOPIC))
        load = _Load(past, bursts, rate, seconds, seed)
        _say("warming up")
        load.warm_up(sink, watch)
        warm = load.sent
        _say(f"producing {rate} events/s for {seconds} s")
        took_s = load.run(sink)
        sink.flush()
        watch.wait_for(load.sent - 1)
        confirmed = _confirmations(record, set(load.burst_ends), service)
        visible = watch.latencies(load.produced)[warm:]
        delays = [
            max(0.0, confirmed[account] - end) for account, end in load.burst_ends.items() if account in confirmed
        ]
        missed = len(load.burst_ends) - len(delays)
    if missed:
        raise VigilError(f"{missed} of {bursts} bursts were not acted on within {_PATIENCE_S:.0f} s of the last")
    return {
        "events_per_second": round((load.sent - warm) / took_s, 1),
        "p99_queryable_ms": _percentile_ms(visible, 99),
        "p99_confirmed_ms": _percentile_ms(delays, 99),
        "p50_queryable_ms": _percentile_ms(visible, 50),
        "p50_confirmed_ms": _percentile_ms(delays, 50),
        "max_confirmed_ms": _percentile_ms(delays, 100),
        "events": load.sent - warm,
        "bursts": bursts,
    }


class _Past:
    """The imported past: its events, and how active each account was in each hour."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._hours: dict[str, Counter[str]] = {}

    def noting(self, events: Iterator[Event]) -> Iterator[Event]:
        """The same events, remembered."""
        for event in events:
            self.events.append(event)
            self._hours.setdefault(event["account_id"], Counter())[event["event_time"][:13]] += 1
            yield event

    def modest(self, count: int) -> list[str]:
        """Accounts with a past to compare with in which no hour was busy. Raises UsageError when there are too few."""
        fit = sorted(
            account
            for account, hours in self._hours.items()
            if max(hours.values()) <= _BURST_CALLS / _BURST_RATIO and len(hours) >= _LEAST_HOURS
        )
        if len(fit) < count:
            raise UsageError(
                f"only {len(fit)} accounts have a past modest enough to burst; take --set bursts={len(fit)}"
            )
        return fit[:count]


class _Load:
    """A steady stream of the past's events, made again now, with bursts of single accounts in it.

    At this rate the world is a large one: background events come from two hundred times as many accounts as the past.
    """

    def __init__(self, past: _Past, bursts: int, rate: int, seconds: int, seed: int) -> None:
        self._rate = rate
        self._seconds = seconds
        self.produced: list[float] = []
        self.burst_ends: dict[str, float] = {}
        suspects = past.modest(bursts)
        self._patterns = {
            account: next(event for event in past.events if event["account_id"] == account) for account in suspects
        }
        self._pool = itertools.cycle([event for event in past.events if event["account_id"] not in self._patterns])
        self._rng = np.random.default_rng(seed)
        # Bursts end early enough that each can still be acted on while the load goes on.
        moments = np.sort(self._rng.uniform(1.0, max(2.0, seconds - 8.0), len(suspects))).tolist()
        self._bursts = list(zip(moments, suspects, strict=True))

    @property
    def sent(self) -> int:
        """Events produced so far."""
        return len(self.produced)

    def warm_up(self, sink: TopicSink, watch: _Watch) -> None:
        """Produce until ingest keeps up: what was sent a second ago has been queryable for `_STEADY_S`.

        Raises DependencyError when it does not get there.
        """
        start = time.monotonic()
        steady_since: float | None = None
        while steady_since is None or time.monotonic() - steady_since < _STEADY_S:
            elapsed = time.monotonic() - start
            if elapsed > _PATIENCE_S * 2:
                raise DependencyError(
                    f"ingest does not keep up with {self._rate} events/s: {watch.visible} of {self.sent}"
                )
            self._background(sink, int(elapsed * self._rate))
            behind = self.sent - watch.visible > 2 * self._rate
            steady_since = None if behind else steady_since or time.monotonic()
            time.sleep(_STEP_S)

    def run(self, sink: TopicSink) -> float:
        """Produce the measured part; returns how many seconds it took."""
        start, first = time.monotonic(), self.sent
        waiting = list(self._bursts)
        running: list[tuple[float, str, int]] = []
        while (elapsed := time.monotonic() - start) < self._seconds:
            while waiting and waiting[0][0] <= elapsed:
                running.append((*waiting.pop(0), 0))
            still = []
            for began, account, done in running:
                due = min(_BURST_CALLS, int((elapsed - began) / _BURST_S * _BURST_CALLS) + 1)
                for _ in range(done, due):
                    self._send(sink, self._patterns[account])
                if due < _BURST_CALLS:
                    still.append((began, account, due))
                else:
                    self.burst_ends[account] = self.produced[-1]
            running = still
            # Bursts are part of the rate, not on top of it.
            self._background(sink, first + int(elapsed * self._rate))
            time.sleep(_STEP_S)
        return time.monotonic() - start

    def _background(self, sink: TopicSink, until: int) -> None:
        """Ordinary events until so many have been sent in all."""
        missing = until - self.sent
        for number in self._rng.integers(0, 200, max(0, missing)).tolist():
            pattern = next(self._pool)
            self._send(sink, {**pattern, "account_id": f"{pattern['account_id']}-{number}"})

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

    @property
    def visible(self) -> int:
        """How many events, from the first on, are queryable."""
        return self._seen[-1][1] + 1 if self._seen else 0

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
