"""Fuzzing in one or several processes, counted: crashes, hangs, and anything lost."""

from __future__ import annotations

import hashlib
import random
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from ingest.outcome import Accepted
from tests.fuzz.corpus import bodies, seeds
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import targets

HANG_MS = 100.0
"""Of the thread's own processor time, so that a busy machine is not taken for a slow parser."""

MAX_KEPT_CRASHES = 20


class Tally(msgspec.Struct):
    """What came of the inputs of one target."""

    inputs: int = 0
    accepted: int = 0
    dead_lettered: int = 0
    refused: int = 0
    """Bodies that the receiver answered with a reason, or that hold no call of a model."""
    crashes: int = 0
    hangs: int = 0
    slowest_ms: float = 0.0

    def add(self, other: Tally) -> None:
        """Count the other's as well."""
        for name in self.__struct_fields__:
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, max(mine, theirs) if name == "slowest_ms" else mine + theirs)


class Report(msgspec.Struct):
    """By target; `failures` are tracebacks, each with the file in which its input was kept."""

    tallies: dict[str, Tally]
    failures: list[str]

    def figures(self) -> dict[str, Any]:
        """For people and machines."""
        total = Tally()
        for tally in self.tallies.values():
            total.add(tally)
        whole = msgspec.to_builtins(total)
        return {**whole, "lost": total.crashes, "targets": msgspec.to_builtins(self.tallies), "failures": self.failures}


def fuzz(inputs: int, seed: int, keep: Path, stored: Callable[[tuple[Any, ...]], None] | None = None) -> Report:
    """`inputs` inputs over all targets in turn. An input that crashes or hangs is kept in the folder `keep`.

    `stored` is given every input's outcomes, to write them somewhere real.
    """
    chance = random.Random(seed)
    corpus = {**seeds(), **bodies()}
    found = targets()
    report = Report({name: Tally() for name in found}, [])
    for name, raws in corpus.items():
        # What is loaded or compiled at its first use is no hang of the input that comes first.
        found[name](raws[0])
    names = sorted(found)
    for number in range(inputs):
        name = names[number % len(names)]
        raw = mutated(chance.choice(corpus[name]), corpus[name], chance)
        tally = report.tallies[name]
        tally.inputs += 1
        started_s = time.thread_time()
        try:
            outcomes = found[name](raw)
        except Exception:  # noqa: BLE001 - whatever it is, it is what fuzzing looks for
            tally.crashes += 1
            _keep(report, keep, name, raw, traceback.format_exc())
            continue
        took_ms = (time.thread_time() - started_s) * 1000
        tally.slowest_ms = max(tally.slowest_ms, took_ms)
        if took_ms > HANG_MS:
            # Once more: the first time may have paid for something that is done once.
            started_s = time.thread_time()
            found[name](raw)
            if (time.thread_time() - started_s) * 1000 > HANG_MS:
                tally.hangs += 1
                _keep(report, keep, name, raw, f"{took_ms:.0f} ms")
        accepted = sum(isinstance(outcome, Accepted) for outcome in outcomes)
        tally.accepted += accepted
        tally.dead_lettered += len(outcomes) - accepted
        tally.refused += not outcomes
        if stored is not None:
            stored(outcomes)
    return report


def fuzz_in_processes(inputs: int, seed: int, keep: Path, processes: int) -> Report:
    """The same over several processes, each with a seed of its own."""
    share = -(-inputs // processes)
    with ProcessPoolExecutor(processes) as pool:
        reports = list(pool.map(fuzz, [share] * processes, range(seed, seed + processes), [keep] * processes))
    first = reports[0]
    for other in reports[1:]:
        for name, tally in other.tallies.items():
            first.tallies[name].add(tally)
        first.failures += other.failures
    return first


def _keep(report: Report, keep: Path, name: str, raw: bytes, why: str) -> None:
    if len(report.failures) >= MAX_KEPT_CRASHES:
        return
    keep.mkdir(parents=True, exist_ok=True)
    file = keep / f"{name.strip('/').replace('/', '_')}-{hashlib.sha256(raw).hexdigest()[:12]}"
    file.write_bytes(raw)
    report.failures.append(f"{name}: {file}\n{why}")
