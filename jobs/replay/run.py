"""One replay from files to files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
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
from jobs.replay.source import ReplayRange, ReplaySource
from jobs.replay.ticks import Cadence, TickSchedule
from jobs.replay.workspace import opened
from vigil.clock import Clock, SimulatedClock, SystemClock
from vigil.errors import UsageError
from vigil.log import get_logger
from vigil.permitted import PermittedPrincipals
from vigil.settings import DetectSettings, Settings

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
    with opened(settings, workspace, lambda sentence: log.info(sentence)) as stores:
        machine = machine or SystemClock()
        key = load_hash_key(stores.settings)
        with ReplaySource(files, stores.settings, machine, key, within) as source:
            total = source.total_bytes

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


def _must_be_readable(file: Path) -> None:
    """Without opening it: what is given out by a pipe is given out once."""
    if file.is_dir():
        raise UsageError(f"cannot read {file}: it is a folder")
    if not os.access(file, os.R_OK):
        raise UsageError(f"cannot read {file}: {'permission denied' if file.exists() else 'there is no such file'}")
