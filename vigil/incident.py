"""An incident: what people and policies deal with. Signals about the same thing collect in one."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import msgspec

from vigil.signal import IncidentKind, Severity, Subject, Window


class IncidentState(enum.Enum):
    """Life cycle. `contained`: every offender has an effect in force. `resolved`, `dismissed`: closed by a person."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CONTAINED = "contained"
    RESOLVED = "resolved"
    DISMISSED = "dismissed"

    @property
    def is_closed(self) -> bool:
        """No further signals are merged into a closed incident."""
        return self in (IncidentState.RESOLVED, IncidentState.DISMISSED)


class DetectorSupport(msgspec.Struct, frozen=True):
    """One detector's strongest statement in an incident."""

    name: str
    version: str
    family: str
    score: float
    p_value: float | None = None
    e_value: float | None = None


class Evidence(msgspec.Struct, frozen=True):
    """Up to 20 event ids and the facts a person needs."""

    event_ids: tuple[str, ...] = ()
    facts: dict[str, Any] = {}


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident, as it stands. `revision` grows by one with each change and guards against lost updates."""

    incident_id: str
    tenant_id: str
    kind: IncidentKind
    severity: Severity
    state: IncidentState
    fingerprint: str
    title: str
    summary: str
    opened_at: datetime
    updated_at: datetime
    window: Window
    subjects: tuple[Subject, ...]
    detectors: tuple[DetectorSupport, ...]
    evidence: Evidence
    revision: int = 1
    merged_into: str | None = None

    @property
    def families(self) -> tuple[str, ...]:
        """Detector families that support it, sorted: severe effects ask for several."""
        return tuple(sorted({support.family for support in self.detectors}))

    @property
    def score(self) -> float:
        """The strongest detector's score."""
        return max((support.score for support in self.detectors), default=0.0)
