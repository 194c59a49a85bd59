"""Which detectors are sick, read off their runs: the last one failed, most of the last ones did, or they stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import Connection, select

from vigil.record.schema import detector_runs

LOOKS = 8
"""Runs of a detector that are looked at, newest first."""

SILENT_AFTER = 5
"""A detector is silent when its last window ended this many of its usual steps ago …"""

SLACK = timedelta(hours=2)
"""… and this much more: quiet runs are recorded once an hour in a replay."""


@dataclass(frozen=True)
class Run:
    """One run of a detector: the end of the window it looked at, and what went wrong."""

    window_end: datetime
    error: str | None


def why_sick(runs: Sequence[Run], now: datetime) -> str | None:
    """What is wrong with a detector, from its last runs, newest first; None when nothing is known against it.

    A detector without runs is not known to be sick: its signal came from somewhere.
    """
    if not runs:
        return None
    last = runs[0]
    failed = [run for run in runs if run.error is not None]
    if last.error is not None:
        return f"failed in its last run ({last.error.splitlines()[0][:120] if last.error else 'no message'})"
    if len(runs) >= 4 and 2 * len(failed) >= len(runs):
        return f"failed in {len(failed)} of its last {len(runs)} runs"
    steps = [(after.window_end - run.window_end).total_seconds() for run, after in zip(runs[1:], runs, strict=False)]
    usual = timedelta(seconds=median(steps) if steps else 3_600)
    if now - last.window_end > SILENT_AFTER * usual + SLACK:
        return f"has not looked since {last.window_end.isoformat(timespec='minutes')}"
    return None


class Health:
    """The health of detectors in one transaction, each read once."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._known: dict[str, str | None] = {}

    def sick(self, detectors: Iterable[str]) -> dict[str, str]:
        """Those of the detectors that are sick, and why."""
        for name in detectors:
            if name not in self._known:
                self._known[name] = why_sick(self._runs(name), self._now)
        return {name: why for name in detectors if (why := self._known[name]) is not None}

    def _runs(self, name: str) -> list[Run]:
        query = (
            select(detector_runs.c.window_end, detector_runs.c.error)
            .where(detector_runs.c.detector == name, detector_runs.c.window_end <= self._now)
            .order_by(detector_runs.c.window_end.desc())
            .limit(LOOKS)
        )
        return [Run(row.window_end, row.error) for row in self._connection.execute(query)]
