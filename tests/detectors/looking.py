"""Running one detector over windows, without a record."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from detectors.base import Detector
from detectors.state import State
from detectors.telemetry_handle import Telemetry
from vigil.signal import Signal, Window
from vigil.warehouse import Warehouse


def look(
    detector: Detector, warehouse: Warehouse, end: datetime, state: State, *, start: datetime | None = None
) -> list[Signal]:
    """What it says of the window that ends at `end` (and begins a cadence before, unless said)."""
    window = Window(start or end - detector.cadence, end)
    return list(detector.detect(window, Telemetry(warehouse, window, detector.lookback), state))


def look_every(
    detector: Detector,
    warehouse: Warehouse,
    since: datetime,
    until: datetime,
    step: timedelta,
    state: State | None = None,
) -> list[Signal]:
    """What it says over [since, until], looking every `step`."""
    state = state or State()
    said, end = [], since + step
    while end <= until:
        said.extend(look(detector, warehouse, end, state, start=end - step))
        end += step
    return said


def times(signals: Iterable[Signal], origin: datetime) -> list[float]:
    """Minutes after `origin` at which each was said."""
    return [(signal.window.end - origin) / timedelta(minutes=1) for signal in signals]
