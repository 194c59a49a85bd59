"""`vigil replay` end to end: events a second and memory over growing files, beside a loop that only parses and inserts.

Traffic of the simulator's medium world (about 170 calls a minute) with attacks in it, so that detectors have work. Each
replay runs in a process of its own. The peer, over the same file in the same run, decodes each line with the standard
library's `json` and inserts twelve of its fields into a plain table, 10,000 rows at a time: no validation, no
redaction, no fingerprints, no detectors.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jobs.replay import report
from jobs.replay.command import for_replay
from jobs.replay.run import run_replay
from jobs.replay.source import ReplayRange
from simulator.sinks import write_lines
from simulator.traffic import simulate
from vigil import log
from vigil.clock import SimulatedClock
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.settings import Settings
from vigil.warehouse import Warehouse, migrate

START = datetime(2026, 10, 5, 8, tzinfo=UTC)
_TEXTS = (
    "event_id",
    "tenant_id",
    "source",
    "account_id",
    "org_id",
    "api_key_hash",
    "request_model",
    "status",
    "output",
)
_NUMBERS = ("input_tokens", "output_tokens")
_ROWS = 10_000


def run(*, smallest: int = 10_000, largest: int = 100_000, seed: int = 4) -> dict[str, Any]:
    """Replay files of `smallest` events, ten times as many, … up to `largest`."""
    sizes = list(itertools.takewhile(lambda size: size <= largest, (smallest * 10**n for n in itertools.count())))
    rates, plain, peaks, seconds = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as temporary:
        folder = Path(temporary)
        for size in sizes:
            path = folder / f"{size}.jsonl"
            _say(f"simulating {size:,} events")
            _simulate(path, size, seed)
            _say("replaying")
            summary, peak = _apart(path, folder / f"out-{size}")
            rates.append(summary["events_per_second"])
            seconds.append(summary["seconds"])
            peaks.append(round(peak, 1))
            plain.append(round(_plain_loop(path, folder / f"plain-{size}"), 1))
            _say(f"{size:,}: {rates[-1]:,.0f} events/s, {peak:.0f} MiB; plain loop {plain[-1]:,.0f} events/s")
            path.unlink()
    return {
        "events": sizes,
        "events_per_second": rates,
        "plain_loop_events_per_second": plain,
        "ratio_to_plain_loop": [round(rate / peer, 3) for rate, peer in zip(rates, plain, strict=True)],
        "peak_rss_mib": peaks,
        "seconds": seconds,
    }


def _simulate(path: Path, events: int, seed: int) -> None:
    # A day holds 240,000: enough of them, and the attacks in the last third of what is written.
    duration = timedelta(hours=2 + events / 240_000 * 24 * 1.5)
    names = ["template_campaign", "bulk_account"]
    simulation = simulate(names, seed=seed, start=START, duration=duration, scale="medium", quiet=duration / 3)
    with path.open("wb") as stream:
        write_lines(itertools.islice(simulation.events(), events), stream)


def _apart(path: Path, out: Path) -> tuple[dict[str, Any], float]:
    """Summary and peak memory (MiB) of a replay in a process of its own; the peak is of that process alone, without
    its ClickHouse server and the process that reads the file."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_replay, args=(path, out, theirs))
    process.start()
    theirs.close()
    try:
        summary, peak = ours.recv()
    finally:
        process.join()
    return summary, peak


def _replay(path: Path, out: Path, connection: Any) -> None:
    log.configure("error")
    report.prepare(out)
    settings = for_replay(Settings.model_construct(), None, "live", None)
    machine = SimulatedClock(START + timedelta(days=3650))
    outcome = run_replay([path], settings, out, ReplayRange(), None, lambda _read, _total, _now: None, machine)
    connection.send((outcome.summary, _peak_mib()))


def _peak_mib() -> float:
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def _plain_loop(path: Path, folder: Path) -> float:
    """Events a second of decoding and inserting."""
    with _server(folder) as warehouse:
        columns = ", ".join([*(f"{name} String" for name in _TEXTS), *(f"{name} UInt32" for name in _NUMBERS)])
        warehouse.command(
            f"CREATE TABLE plain (event_time DateTime64(6, 'UTC'), {columns}) ENGINE = MergeTree"
            " ORDER BY (tenant_id, account_id, event_time)"
        )
        names = ("event_time", *_TEXTS, *_NUMBERS)
        started = time.perf_counter()
        written = 0
        with path.open("rb") as file:
            while lines := list(itertools.islice(file, _ROWS)):
                events = [json.loads(line) for line in lines]
                data: list[list[Any]] = [[datetime.fromisoformat(event["event_time"]) for event in events]]
                data += [[str(event.get(name, "")) for event in events] for name in _TEXTS]
                data += [[event.get(name, 0) for event in events] for name in _NUMBERS]
                written += warehouse.insert("plain", names, data)
        return written / (time.perf_counter() - started)


@contextmanager
def _server(folder: Path) -> Iterator[Warehouse]:
    folder.mkdir()
    server = EmbeddedClickHouse(folder / "clickhouse", folder / "clickhouse.log")
    server.start()
    try:
        warehouse = Warehouse(server.url)
        migrate(warehouse)  # makes the database
        try:
            yield warehouse
        finally:
            warehouse.close()
    finally:
        server.stop()


def _say(what: str) -> None:
    print(f"replay: {what}", file=sys.stderr, flush=True)
