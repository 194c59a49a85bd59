"""Detector runs and states in the record, so that a successor goes on where this process ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from detectors.base import Detector
from detectors.state import State
from vigil.record.schema import detector_runs, detector_state

FLUSH_AFTER = timedelta(minutes=5)
"""Runs that say nothing are recorded together, at least this often: a row each would be 43,000 a day and detector."""

_POSITION = "@window_end"


@dataclass
class RunTally:
    """Runs of one detector that are not recorded yet."""

    started_at: datetime
    window_end: datetime
    runs: int = 0
    skipped: int = 0
    starved: int = 0
    seconds: float = 0.0
    rows: int = 0
    signals: int = 0
    error: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    def must_flush(self, now: datetime, after: timedelta = FLUSH_AFTER) -> bool:
        """Whether it should be recorded now: it said something, failed, or waited for `after`."""
        return bool(self.signals) or self.error is not None or now - self.started_at >= after


def load_state(connection: Connection, detector: Detector) -> State:
    """The state this version of the detector left."""
    rows = connection.execute(
        select(detector_state.c.state_key, detector_state.c.value).where(
            detector_state.c.detector == detector.name,
            detector_state.c.version == detector.version,
            detector_state.c.state_key != _POSITION,
        )
    )
    return State({str(row.state_key): str(row.value) for row in rows})


def positions(connection: Connection, detectors: Iterable[Detector]) -> dict[str, datetime]:
    """End of the last recorded window of each detector (of this version), by name."""
    versions = {detector.name: detector.version for detector in detectors}
    rows = connection.execute(
        select(detector_state.c.detector, detector_state.c.version, detector_state.c.value).where(
            detector_state.c.state_key == _POSITION
        )
    )
    return {
        name: msgspec.json.decode(value, type=datetime)
        for name, version, value in rows
        if versions.get(name) == version
    }


def store_run(connection: Connection, detector: Detector, tally: RunTally) -> None:
    """Write one row of `detector_runs`; a repeated window replaces its row."""
    values = {
        "detector": detector.name,
        "window_end": tally.window_end,
        "version": detector.version,
        "started_at": tally.started_at,
        "seconds": tally.seconds,
        "rows_seen": tally.rows,
        "signals": tally.signals,
        "error": tally.error,
        "facts": msgspec.json.encode(
            {"runs": tally.runs, "skipped": tally.skipped, "starved": tally.starved, **tally.notes},
            order="deterministic",
        ).decode(),
    }
    _upsert(connection, detector_runs, ("detector", "window_end"), [values])


def store_state(
    connection: Connection, detector: Detector, changes: Mapping[str, str | None], window_end: datetime, at: datetime
) -> None:
    """Write what changed in a detector's state, and how far it has looked."""
    written = {key: value for key, value in changes.items() if value is not None}
    written[_POSITION] = msgspec.json.encode(window_end).decode()
    identity = {"detector": detector.name, "version": detector.version, "updated_at": at}
    rows = [{**identity, "state_key": key, "value": value} for key, value in written.items()]
    _upsert(connection, detector_state, ("detector", "version", "state_key"), rows)
    if forgotten := [key for key, value in changes.items() if value is None]:
        connection.execute(
            delete(detector_state).where(
                and_(
                    detector_state.c.detector == detector.name,
                    detector_state.c.version == detector.version,
                    detector_state.c.state_key.in_(forgotten),
                )
            )
        )


def _upsert(connection: Connection, table: Any, key: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    updates = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=updates), rows)
