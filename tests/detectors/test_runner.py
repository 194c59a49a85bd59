"""The runner: what is due runs once, nothing is lost over failures, pauses and restarts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

import msgspec
import pytest
from sqlalchemy import select

from detectors.base import Detector, Need
from detectors.runner import DetectorRunner
from detectors.state import State
from detectors.telemetry_handle import Telemetry
from tests.detectors.traffic import START, Call, insert
from vigil.clock import SimulatedClock
from vigil.errors import WarehouseUnavailable
from vigil.record import Record
from vigil.record.schema import detector_runs
from vigil.record.signals import uncorrelated
from vigil.settings import Settings
from vigil.signal import IncidentKind, Severity, Signal, Window
from vigil.warehouse import Warehouse

MINUTE = timedelta(minutes=1)


class CountsCalls(Detector):
    """Says how many calls it saw in each window, and how many windows it has seen."""

    name, version, family = "counts_calls", "1", "test"
    cadence, lookback = timedelta(seconds=10), timedelta(hours=1)
    kinds = (IncidentKind.METRIC_ANOMALY,)

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[Window] = []

    def detect(self, window: Window, telemetry: Telemetry, state: State) -> Iterator[Signal]:
        self.windows.append(window)
        count = telemetry.query(
            "SELECT count() FROM events WHERE event_time >= {start:DateTime64(6, 'UTC')} AND event_time < {end:DateTime64(6, 'UTC')}",
            start=window.start,
        )[0][0]
        looks = (state.get("looks", int) or 0) + 1
        state.put("looks", looks)
        state.note("counted", count)
        if count:
            yield Signal(
                detector=self.name,
                version=self.version,
                family=self.family,
                kind=self.kinds[0],
                severity=Severity.LOW,
                tenant_id="acme",
                key="k",
                window=window,
                subjects=(),
                title="t",
                summary="s",
                score=0.5,
                effect_size=1.0,
                p_value=0.5,
                facts={"calls": count, "looks": looks},
            )


class CountsSilence(CountsCalls):
    """The same, also when nothing arrives, over settled windows, each missed one by itself."""

    name = "counts_silence"
    cadence = MINUTE
    complete = True
    speaks_on_silence = True
    missed_windows = 3


class Sick(CountsCalls):
    """Fails until it is healed."""

    name = "sick"
    healed: ClassVar[bool] = False

    def detect(self, window: Window, telemetry: Telemetry, state: State) -> Iterator[Signal]:
        if not type(self).healed:
            raise ZeroDivisionError("sick")
        yield from super().detect(window, telemetry, state)


def run_at(runner: DetectorRunner, clock: SimulatedClock, seconds: float) -> tuple[str, ...]:
    clock.advance_to(START + timedelta(seconds=seconds))
    return runner.run_due().ran


def test_a_window_runs_once_and_is_skipped_while_nothing_arrives(warehouse: Warehouse, sqlite_record: Record) -> None:
    clock, detector = SimulatedClock(START), CountsCalls()
    runner = DetectorRunner(warehouse, sqlite_record, clock, Settings(), detectors=[detector])
    assert runner.run_due().ran == ()
    insert(warehouse, [Call(START + timedelta(seconds=7), "a")])
    assert run_at(runner, clock, 60) == ("counts_calls",)
    assert run_at(runner, clock, 65) == ()
    assert run_at(runner, clock, 70) == ()
    assert runner.run_due().ran == ()
    insert(warehouse, [Call(START + timedelta(seconds=66), "a")])
    assert run_at(runner, clock, 130) == ("counts_calls",)
    with sqlite_record.read() as connection:
        said = uncorrelated(connection, 10)
    assert [(signal.window.end - START).total_seconds() for signal in said] == [60, 130]
    assert [signal.facts for signal in said] == [{"calls": 1, "looks": 1}, {"calls": 1, "looks": 2}]


def test_a_late_row_is_looked_at_again(warehouse: Warehouse, sqlite_record: Record) -> None:
    clock, detector = SimulatedClock(START + timedelta(minutes=50)), CountsCalls()
    runner = DetectorRunner(warehouse, sqlite_record, clock, Settings(), detectors=[detector])
    insert(warehouse, [Call(START + timedelta(minutes=49), "a")])
    runner.run_due()
    insert(warehouse, [Call(START + timedelta(minutes=31), "a")])
    clock.advance(MINUTE)
    runner.run_due()
    assert detector.windows[-1] == Window(START + timedelta(minutes=31), START + timedelta(minutes=51))


def test_rows_from_the_future_are_not_forgotten_when_their_time_comes(
    warehouse: Warehouse, sqlite_record: Record
) -> None:
    clock, detector = SimulatedClock(START + timedelta(seconds=20)), CountsCalls()
    runner = DetectorRunner(warehouse, sqlite_record, clock, Settings(), detectors=[detector])
    insert(warehouse, [Call(START + timedelta(seconds=second), "a") for second in (5, 45)])
    runner.run_due()
    clock.advance(timedelta(seconds=10))
    runner.run_due()
    clock.advance(timedelta(seconds=30))
    runner.run_due()
    with sqlite_record.read() as connection:
        said = uncorrelated(connection, 10)
    assert [signal.facts["calls"] for signal in said] == [1, 1, 2]


def test_settled_windows_close_late_and_missed_ones_are_looked_at_one_by_one(
    warehouse: Warehouse, sqlite_record: Record
) -> None:
    clock, detector = SimulatedClock(START + timedelta(seconds=89)), CountsSilence()
    runner = DetectorRunner(warehouse, sqlite_record, clock, Settings(), detectors=[detector])
    runner.run_due()
    assert [window.end for window in detector.windows] == [START]
    assert run_at(runner, clock, 90) == ("counts_silence",)
    detector.windows.clear()
    run_at(runner, clock, 630)
    assert [(window.start - START, window.end - START) for window in detector.windows] == [
        (1 * MINUTE, 7 * MINUTE),
        (7 * MINUTE, 8 * MINUTE),
        (8 * MINUTE, 9 * MINUTE),
        (9 * MINUTE, 10 * MINUTE),
    ]


def test_a_failing_detector_is_recorded_stops_no_other_and_loses_no_window(
    warehouse: Warehouse, sqlite_record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, well, sick = SimulatedClock(START + MINUTE), CountsCalls(), Sick()
    runner = DetectorRunner(warehouse, sqlite_record, clock, Settings(), detectors=[sick, well])
    insert(warehouse, [Call(START + timedelta(seconds=1), "a")])
    report = runner.run_due()
    assert report.ran == ("counts_calls",)
    assert report.errors == ("sick: ZeroDivisionError: sick",)
    with sqlite_record.read() as connection:
        rows = connection.execute(select(detector_runs.c.detector, detector_runs.c.error))
        errors = {row.detector: row.error for row in rows}
    assert errors == {"counts_calls": None, "sick": "ZeroDivisionError: sick"}
    monkeypatch.setattr(Sick, "healed", True)
    clock.advance(MINUTE)
    runner.run_due()
    assert sick.windows[-1].start <= START < sick.windows[-1].end


def test_a_successor_goes_on_where_the_first_ended_with_its_state(warehouse: Warehouse, sqlite_record: Record) -> None:
    clock = SimulatedClock(START + MINUTE)
    first, second = (
        DetectorRunner(warehouse, sqlite_record, clock, Settings(), detectors=[CountsCalls()]) for _ in range(2)
    )
    insert(warehouse, [Call(START + timedelta(seconds=1), "a")])
    assert first.run_due().signals == 1
    assert second.run_due().ran == ()
    insert(warehouse, [Call(START + timedelta(seconds=61), "a")])
    clock.advance(MINUTE)
    assert second.run_due().signals == 1
    insert(warehouse, [Call(START + timedelta(seconds=121), "a")])
    clock.advance(MINUTE)
    assert first.run_due().signals == 1  # the other had come further: its place and state are taken over
    with sqlite_record.read() as connection:
        assert [signal.facts["looks"] for signal in uncorrelated(connection, 10)] == [1, 2, 3]


def test_without_content_a_detector_that_needs_it_is_starved_and_says_so(
    warehouse: Warehouse, sqlite_record: Record
) -> None:
    class Reads(CountsCalls):
        name, needs = "reads", frozenset({Need.CONTENT})

    clock, detector = SimulatedClock(START + MINUTE), Reads()
    runner = DetectorRunner(warehouse, sqlite_record, clock, Settings(), detectors=[detector])
    insert(warehouse, [Call(START + timedelta(seconds=1), "a")])
    runner.run_due()
    assert detector.windows == []
    insert(warehouse, [Call(START + timedelta(seconds=70), "a", "some text")])
    clock.advance(timedelta(minutes=6))
    runner.run_due()
    with sqlite_record.read() as connection:
        facts = msgspec.json.decode(connection.scalars(select(detector_runs.c.facts)).one())
    assert (facts["runs"], facts["starved"], facts["content_share"]) == (2, 1, 1.0)
    assert len(detector.windows) == 1


def test_history_is_looked_at_without_disturbing_what_runs_live(warehouse: Warehouse, sqlite_record: Record) -> None:
    clock, detector = SimulatedClock(START + timedelta(hours=3)), CountsCalls()
    runner = DetectorRunner(warehouse, sqlite_record, clock, Settings(), detectors=[detector])
    insert(warehouse, [Call(START + timedelta(minutes=minute), "a") for minute in (5, 6, 30)])
    assert runner.run_due().signals == 0
    report = runner.run_range(START, START + timedelta(hours=1))
    assert (report.signals, report.ran, report.errors) == (3, ("counts_calls",), ())
    assert runner.run_range(START, START + timedelta(hours=1)).signals == 0
    with sqlite_record.read() as connection:
        first = uncorrelated(connection, 10)[0]
    assert first.window.end == START + timedelta(minutes=6)


def test_a_warehouse_that_is_away_is_said_so_and_nothing_is_lost(sqlite_record: Record) -> None:
    gone = Warehouse("clickhouse://vigil:x@127.0.0.1:1/vigil")
    runner = DetectorRunner(gone, sqlite_record, SimulatedClock(START), Settings(), detectors=[CountsCalls()])
    with pytest.raises(WarehouseUnavailable):
        runner.run_due()


def test_a_query_without_bounds_or_beyond_them_is_refused(warehouse: Warehouse) -> None:
    telemetry = Telemetry(warehouse, Window(START, START + MINUTE), MINUTE)
    with pytest.raises(ValueError, match="bounded"):
        telemetry.query("SELECT count() FROM events")
    with pytest.raises(ValueError, match="leaves"):
        telemetry.query("SELECT {start:DateTime}, {end:DateTime}", end=START + 2 * MINUTE)
