"""The contract of every detector: one look at one window, and nothing but that."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from detectors.state import State
from detectors.telemetry_handle import Telemetry
from vigil.settings import DetectSettings
from vigil.signal import IncidentKind, Signal, Window


class Need(enum.Enum):
    """What a detector must find in the telemetry to say anything; without it it is silent and notes so."""

    CONTENT = "content"
    TOKENS = "tokens"
    ADDRESSES = "addresses"
    EMBEDDINGS = "embeddings"
    SCORES = "scores"


@dataclass(frozen=True)
class Budget:
    """False alarms a detector may raise, in what people feel. Detectors turn it into the level of each test."""

    false_incidents_per_10k_accounts_day: float = 0.1
    false_pages_per_week: float = 0.1

    @classmethod
    def of(cls, settings: DetectSettings) -> Budget:
        """The budget of the settings."""
        return cls(settings.false_incidents_per_10k_accounts_day, settings.false_pages_per_week)


class Detector(ABC):
    """Looks at one window and says what is wrong in it.

    `window` is the span not looked at before: [end of the last look, now) on the grid of `cadence`. Of what came
    before it a detector may read `lookback` (counted from `window.end`) and nothing after `window.end`: `telemetry`
    holds every query to that.

    It must be a function of the telemetry, the window and `state`: the same three give the same signals bit for bit,
    whatever the order of the rows. It keeps nothing else between two looks, reads no clock, and is silent on an empty
    window. It says the same thing once: `state` remembers what was said, and a change (more members, twice the
    volume) is a new signal under the same `key`. Exceptions it raises are recorded as a failed run; the same span is
    looked at again later.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    family: ClassVar[str]
    cadence: ClassVar[timedelta]
    lookback: ClassVar[timedelta]
    kinds: ClassVar[tuple[IncidentKind, ...]]
    needs: ClassVar[frozenset[Need]] = frozenset()
    complete: ClassVar[bool] = False
    """It counts what is missing, so the window must be settled: it ends `settle_s` before now. The others gather
    evidence that late rows can only add to, and look up to now."""
    speaks_on_silence: ClassVar[bool] = False
    """It has something to say when nothing arrives. The others are skipped while there are no new rows."""
    missed_windows: ClassVar[int] = 0
    """After a pause, how many missed windows (of one cadence each) are looked at one by one; what lies before them
    is covered by one wide window."""

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()

    @abstractmethod
    def detect(self, window: Window, telemetry: Telemetry, state: State) -> Iterator[Signal]:
        """Signals of this window, in an order that depends on nothing but their content.

        Raises WarehouseUnavailable or WarehouseRejected when a query fails.
        """
