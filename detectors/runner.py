"""Runs the detectors whose windows are due and stores what they say."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from detectors.arrivals import Arrivals, read_arrivals
from detectors.base import Budget, Detector, Need
from detectors.journal import FLUSH_AFTER, RunTally, load_state, positions, store_run, store_state
from detectors.registry import all_detectors
from detectors.schedule import HOUR, due_windows, widened
from detectors.state import State
from detectors.telemetry_handle import Telemetry
from vigil.clock import Clock
from vigil.log import get_logger
from vigil.metrics import DETECTOR_SECONDS, SIGNALS
from vigil.record import Record
from vigil.record import signals as signal_store
from vigil.settings import Settings
from vigil.signal import Signal, Window
from vigil.warehouse import Warehouse

MAX_BACKOFF = timedelta(minutes=5)
"""A detector that keeps failing is tried again after 1, 2, 4 ... cadences, at most this long."""

_log = get_logger("detectors")


@dataclass(frozen=True)
class RunReport:
    """What one call of the runner did: new signals, detectors that looked, `name: error` of those that failed."""

    signals: int = 0
    ran: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass
class _Progress:
    """How far one detector has come."""

    detector: Detector
    state: State | None = None
    last_end: datetime | None = None
    seen: Arrivals | None = None
    tally: RunTally | None = None
    failures: int = 0
    not_before: datetime | None = None
    said: list[Signal] = field(default_factory=list)


class DetectorRunner:
    """Looks with every due detector. One caller at a time; a successor in another process goes on from the record.

    Signals, detector states and the position are stored in one transaction: after a crash a window is looked at
    again with the state it had, says the same, and is stored once.

    `arrivals` tells what has arrived before a moment; default: the warehouse does. `replaying`: nobody else works on
    this record and nobody goes on after a crash, so positions are read once and quiet runs recorded hourly; and pauses
    are where little happens, so the windows missed in one are covered by one wide window.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        record: Record,
        clock: Clock,
        settings: Settings,
        *,
        detectors: Sequence[Detector] | None = None,
        arrivals: Callable[[datetime], Arrivals] | None = None,
        replaying: bool = False,
    ) -> None:
        self._warehouse = warehouse
        self._record = record
        self._clock = clock
        self._settle = timedelta(seconds=settings.detect.settle_s)
        self._history_step = timedelta(seconds=settings.detect.replay_tick_s)
        self._detectors = tuple(detectors if detectors is not None else all_detectors(Budget.of(settings.detect)))
        self._arrivals = arrivals or partial(read_arrivals, warehouse)
        self._replaying = replaying
        self._live: list[_Progress] | None = None

    def run_due(self) -> RunReport:
        """Run every detector whose window is due now.

        Raises WarehouseUnavailable or RecordUnavailable when a store does not answer at all; nothing is lost, the next
        call looks at the same span. A failure of one detector is recorded and leaves the others alone.
        """
        progresses = self._resume()
        return self._look(progresses, self._clock.now(), persist_state=True, catch_up=not self._replaying)

    def run_range(self, since: datetime, until: datetime) -> RunReport:
        """Look at history as if each moment of it were now; what is running live keeps its own place and state."""
        progresses = [_Progress(detector, State()) for detector in self._detectors]
        signals, ran, errors = 0, set[str](), set[str]()
        now = since
        while now < until:
            now = min(now + self._history_step, until)
            report = self._look(progresses, now, persist_state=False, catch_up=False, flush_all=now == until)
            signals += report.signals
            ran.update(report.ran)
            errors.update(report.errors)
        return RunReport(signals, tuple(sorted(ran)), tuple(sorted(errors)))

    def _resume(self) -> list[_Progress]:
        """Our progress, or the recorded one when there is none yet or another process has come further."""
        if self._replaying and self._live is not None:
            return self._live
        with self._record.read() as connection:
            recorded = positions(connection, self._detectors)
            if self._live is None:
                self._live = [_Progress(detector) for detector in self._detectors]
            for progress in self._live:
                position = recorded.get(progress.detector.name)
                behind = position is not None and (progress.last_end is None or position > progress.last_end)
                if progress.state is None or behind:
                    progress.state = load_state(connection, progress.detector)
                    progress.last_end, progress.seen, progress.tally = position, None, None
        return self._live

    def _look(
        self,
        progresses: list[_Progress],
        now: datetime,
        *,
        persist_state: bool,
        catch_up: bool,
        flush_all: bool = False,
    ) -> RunReport:
        due = [
            (progress, window)
            for progress in progresses
            if progress.not_before is None or now >= progress.not_before
            for window in due_windows(progress.detector, now, self._settle, progress.last_end, catch_up=catch_up)
        ]
        ran, errors = [], []
        if due:
            arrivals = self._arrivals(now)
            for progress, window in due:
                outcome = self._visit(progress, window, arrivals, now)
                if outcome == "ok":
                    ran.append(progress.detector.name)
                elif outcome == "error" and progress.tally is not None:
                    errors.append(f"{progress.detector.name}: {progress.tally.error}")
        stored = self._flush(progresses, now, persist_state=persist_state, everything=flush_all)
        return RunReport(stored, tuple(ran), tuple(errors))

    def _visit(self, progress: _Progress, window: Window, arrivals: Arrivals, now: datetime) -> str:
        """One window of one detector: `ok`, `skipped` or `error`."""
        detector, state = progress.detector, progress.state
        assert state is not None
        if progress.not_before is not None and now < progress.not_before:
            return "skipped"  # an earlier window of this batch failed: keep the order
        tally = progress.tally = progress.tally or RunTally(started_at=now, window_end=window.end)
        fresh_from = arrivals.fresh_from(progress.seen)
        if not detector.speaks_on_silence:
            if fresh_from is None or fresh_from >= window.end:
                progress.last_end = tally.window_end = window.end
                tally.skipped += 1
                return "skipped"
            window = widened(window, fresh_from, detector.lookback)
        calls, with_content = arrivals.calls(window.start, window.end)
        attempt = state.copy()
        started = time.perf_counter()
        outcome, said = "error", list[Signal]()
        try:
            if Need.CONTENT in detector.needs and calls and not with_content:
                tally.starved += 1
            else:
                telemetry = Telemetry(self._warehouse, window, detector.lookback)
                said = list(detector.detect(window, telemetry, attempt))
            outcome = "ok"
        except Exception as error:  # noqa: BLE001 - one sick detector must not silence the others; it is recorded
            self._failed(progress, error, now)
            return "error"
        finally:
            elapsed = time.perf_counter() - started
            DETECTOR_SECONDS.labels(detector.name, outcome).observe(elapsed)
            tally.seconds += elapsed
        tally.runs += 1
        tally.rows += calls
        tally.signals += len(said)
        tally.notes.update(attempt.notes)
        if calls:
            tally.notes["content_share"] = round(with_content / calls, 4)
        tally.notes["stale_s"] = (now - arrivals.newest).total_seconds() if arrivals.newest else None
        progress.state, progress.seen = attempt, arrivals
        progress.last_end = tally.window_end = window.end
        progress.failures, progress.not_before = 0, None
        progress.said.extend(said)
        return "ok"

    def _failed(self, progress: _Progress, error: Exception, now: datetime) -> None:
        """Remember the failure; the same span is looked at again after a pause."""
        progress.failures += 1
        pause = min(progress.detector.cadence * 2 ** min(progress.failures - 1, 16), MAX_BACKOFF)
        progress.not_before = now + pause
        assert progress.tally is not None
        progress.tally.error = f"{type(error).__name__}: {error}"
        _log.error("a detector failed", detector=progress.detector.name, error=type(error).__name__, exc_info=error)

    def _flush(self, progresses: list[_Progress], now: datetime, *, persist_state: bool, everything: bool) -> int:
        """Store what was said, the changed states and the runs worth recording, in one transaction."""
        after = HOUR if self._replaying else FLUSH_AFTER
        pending = [
            progress
            for progress in progresses
            if progress.tally is not None and (everything or progress.tally.must_flush(now, after))
        ]
        if not pending:
            return 0
        stored = 0
        with self._record.write() as connection:
            for progress in pending:
                assert progress.tally is not None
                assert progress.state is not None
                stored += signal_store.store(connection, progress.said, now)
                store_run(connection, progress.detector, progress.tally)
                if persist_state and progress.last_end is not None:
                    changes = progress.state.changes()
                    store_state(connection, progress.detector, changes, progress.last_end, now)
        for progress in pending:
            assert progress.state is not None
            for signal in progress.said:
                SIGNALS.labels(signal.detector, signal.kind.value).inc()
            progress.state.saved()
            progress.said, progress.tally = [], None
        return stored
