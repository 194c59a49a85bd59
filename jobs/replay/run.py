"""One replay from files to files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from detectors.base import Budget
from detectors.registry import all_detectors
from detectors.runner import DetectorRunner
from enforcement.adapters import make_recording_adapters
from enforcement.policies import load_policies
from ingest.enrich.addresses import load_hash_key
from jobs.loop import Loop
from jobs.replay import report
from jobs.replay.driver import Replay
from jobs.replay.reading import RemoteSource
from jobs.replay.source import ReplayRange, ReplaySource
from jobs.replay.ticks import Cadence, TickSchedule
from jobs.replay.workspace import opened
from vigil.clock import Clock, SimulatedClock, SystemClock
from vigil.errors import UsageError
from vigil.log import get_logger
from vigil.permitted import PermittedPrincipals
from vigil.settings import DetectSettings, Settings

APART_FROM_BYTES = 2 * 2**20
"""Files of this size together are read by a process of their own."""

log = get_logger("replay")


class ReplayOutcome(msgspec.Struct, frozen=True):
    """What a replay came to. `errors`: how often each error of a detector came up; `damage`: where a file broke off."""

    summary: dict[str, Any]
    errors: Counter[str]
    damage: UsageError | None


def run_replay(
    files: Sequence[Path],
    settings: Settings,
    out: Path,
    within: ReplayRange,
    workspace: Path | None,
    progress: Callable[[int, int, datetime], None],
    machine: Clock | None = None,
) -> ReplayOutcome:
    """Replay `files` and write the three files into `out`.

    `machine` tells the present, beyond which no event may lie. Raises UsageError (files, policies, exceptions),
    WorkspaceError and DependencyError (workspace, disk, ClickHouse).
    """
    policies = load_policies(settings.policies)
    PermittedPrincipals.load(settings.enforcement.exceptions_file)  # a mistake in it shows before the server starts
    for file in files:
        _must_be_readable(file)
    machine = machine or SystemClock()
    with ExitStack() as stack:
        remote = stack.enter_context(RemoteSource()) if _worth_a_process(files) else None
        stores = stack.enter_context(opened(settings, workspace, lambda sentence: log.warning(sentence)))
        key = load_hash_key(stores.settings)
        source: ReplaySource | RemoteSource
        if remote is not None:
            remote.begin(files, stores.settings, machine.now(), key, within)
            source = remote
        else:
            source = stack.enter_context(ReplaySource(files, stores.settings, machine, key, within))
        total = sum(file.stat().st_size for file in files)

        def make_loop(clock: SimulatedClock) -> Loop:
            detectors = DetectorRunner(
                stores.warehouse,
                stores.record,
                clock,
                stores.settings,
                arrivals=replay.arrived.before,
                replaying=True,
            )
            adapters = make_recording_adapters()
            return Loop(
                stores.warehouse, stores.record, clock, stores.settings, policies, adapters, detectors=detectors
            )

        replay = Replay(
            stores.warehouse,
            stores.record,
            stores.settings,
            schedule(stores.settings.detect),
            make_loop,
            progress=lambda now: progress(source.bytes_read(), total, now),
        )
        replay.run(source)
        summary = report.write_files(out, stores.record, source.read, replay.counts, replay.seconds)
        return ReplayOutcome(summary, replay.errors, source.damage)


def schedule(settings: DetectSettings) -> TickSchedule:
    """When the detectors there are have something to look at."""
    settle = timedelta(seconds=settings.settle_s)
    cadences = [
        Cadence(detector.cadence, settle if detector.complete else timedelta())
        for detector in all_detectors(Budget.of(settings))
    ]
    return TickSchedule(timedelta(seconds=settings.replay_tick_s), cadences)


def _worth_a_process(files: Sequence[Path]) -> bool:
    """Whether reading in a process of its own pays for starting it. A pipe's size is not known: it is read here."""
    return all(file.is_file() for file in files) and sum(file.stat().st_size for file in files) >= APART_FROM_BYTES


def _must_be_readable(file: Path) -> None:
    """Without opening it: what is given out by a pipe is given out once."""
    if file.is_dir():
        raise UsageError(f"cannot read {file}: it is a folder")
    if not os.access(file, os.R_OK):
        raise UsageError(f"cannot read {file}: {'permission denied' if file.exists() else 'there is no such file'}")
