"""A signal: what one detector says about one closed window.

Signals are facts of a moment and never change; incidents collect them.
"""

from __future__ import annotations

import enum
import math
from datetime import datetime
from typing import Any

import msgspec

from vigil.ids import prefixed


class IncidentKind(enum.Enum):
    """What kind of trouble (contract section 2)."""

    JAILBREAK = "jailbreak"
    BULK_HARM = "bulk_harm"
    COORDINATED_RING = "coordinated_ring"
    EXTRACTION = "extraction"
    KEY_COMPROMISE = "key_compromise"
    PROMPT_INJECTION = "prompt_injection"
    ACCOUNT_ANOMALY = "account_anomaly"
    DATA_LEAK = "data_leak"
    QUALITY_REGRESSION = "quality_regression"
    EMBEDDING_DRIFT = "embedding_drift"
    METRIC_ANOMALY = "metric_anomaly"
    TELEMETRY_GAP = "telemetry_gap"


class Severity(enum.IntEnum):
    """`MEDIUM` and up go into the analysts' queue; `HIGH` and up page."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def label(self) -> str:
        """The name used in files and on screen: `low`, `medium`, `high`, `critical`."""
        return self.name.lower()


class SubjectType(enum.Enum):
    """What a subject is, widest last."""

    END_USER = "end_user"
    API_KEY = "api_key"
    ACCOUNT = "account"
    ORG = "org"
    MODEL = "model"
    SOURCE = "source"


class SubjectRole(enum.Enum):
    """Policies act on offenders only."""

    OFFENDER = "offender"
    VICTIM = "victim"
    AFFECTED = "affected"
    CONTEXT = "context"


class Subject(msgspec.Struct, frozen=True):
    """Whom or what a signal speaks about. `score` is the confidence in [0, 1] that this subject belongs to it."""

    type: SubjectType
    id: str
    score: float = 1.0
    role: SubjectRole = SubjectRole.OFFENDER


class Window(msgspec.Struct, frozen=True):
    """A half-open span of event time, in UTC: start ≤ t < end."""

    start: datetime
    end: datetime


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """What one detector found in one window.

    Exactly one of `p_value` (probability of evidence this strong under the detector's null) and `e_value` (betting
    evidence against it) is set. `score` in [0, 1] orders subjects for people. `key` names what the signal is about
    within its kind (a fingerprint, an account, a source): signals of the same tenant, kind and key speak of one
    incident. `effect_size` is a ratio of observed over expected unless `facts` says otherwise.

    Numbers are finite: JSON knows no others, and a signal that could be stored and not read again would stop all that
    wait behind it. Raises ValueError otherwise.
    """

    detector: str
    version: str
    family: str
    kind: IncidentKind
    severity: Severity
    tenant_id: str
    key: str
    window: Window
    subjects: tuple[Subject, ...]
    title: str
    summary: str
    score: float
    effect_size: float
    p_value: float | None = None
    e_value: float | None = None
    facts: dict[str, Any] = {}
    event_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        numbers = (self.score, self.effect_size, self.p_value, self.e_value)
        if not all(math.isfinite(number) for number in numbers if number is not None):
            raise ValueError(f"{self.detector} says numbers that are not finite: score, effect, p, e = {numbers}")

    @property
    def signal_id(self) -> str:
        """Deterministic: the same detector saying the same of the same window is one signal."""
        return prefixed(
            "sig", self.detector, self.version, self.tenant_id, self.kind.value, self.key, self.window.end.isoformat()
        )
