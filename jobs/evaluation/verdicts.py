"""What was said and done about some traffic, in the form that scoring reads.

`vigil replay` says it in `incidents.jsonl` and `actions.jsonl`; a baseline says it without an incident kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from vigil.effect import ActionState, EffectKind
from vigil.errors import UsageError
from vigil.signal import IncidentKind, Severity, SubjectRole, SubjectType

MAX_STRENGTH = 300.0
"""Stands for a p-value of zero."""

IN_FORCE = frozenset({ActionState.DISPATCHED, ActionState.CONFIRMED, ActionState.LIFTED})
"""States of a restriction that reached its target, even if it was lifted afterwards."""

Key = tuple[SubjectType, str]
"""Type and id of a subject."""

T = TypeVar("T")


class Named(msgspec.Struct, frozen=True):
    """A subject that a verdict names."""

    type: SubjectType
    id: str
    role: SubjectRole = SubjectRole.OFFENDER

    @property
    def key(self) -> Key:
        """Type and id."""
        return self.type, self.id


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One incident, or one alarm of a baseline (`kind` None: something is wrong, but it does not say what).

    `at`: when it was first said. `start`, `end`: the traffic it speaks of. `strength`: powers of ten of the evidence,
    −log10 of the smallest p-value or log10 of the largest e-value. `detectors`: those that support it.
    """

    ref: str
    at: datetime
    tenant_id: str
    kind: IncidentKind | None
    severity: Severity
    start: datetime
    end: datetime
    subjects: tuple[Named, ...]
    detectors: tuple[str, ...]
    strength: float


class Restriction(msgspec.Struct, frozen=True, kw_only=True):
    """One effect that took something away from a principal."""

    ref: str
    at: datetime
    effect: EffectKind
    tenant_id: str
    target: Key


class _Span(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    start: datetime
    end: datetime


class _Support(msgspec.Struct, frozen=True):
    name: str
    p_value: float | None = None
    e_value: float | None = None


class _IncidentLine(msgspec.Struct, frozen=True):
    incident_id: str
    tenant_id: str
    kind: IncidentKind
    severity: str
    opened_at: datetime
    window: _Span
    subjects: tuple[Named, ...]
    detectors: tuple[_Support, ...]


class _Target(msgspec.Struct, frozen=True):
    type: SubjectType
    id: str
    tenant_id: str


class _ActionLine(msgspec.Struct, frozen=True):
    action_id: str
    at: datetime
    effect: EffectKind
    target: _Target
    state: ActionState


def read_verdicts(path: Path) -> list[Verdict]:
    """The incidents of an `incidents.jsonl`. Raises UsageError for a line that is none."""
    return [_verdict(line) for line in _lines(path, _IncidentLine)]


def read_restrictions(path: Path) -> list[Restriction]:
    """The effects of an `actions.jsonl` that were in force for a while. Raises UsageError for a line that is none."""
    return list(_restrictions(_lines(path, _ActionLine)))


def strength(p_value: float | None, e_value: float | None) -> float:
    """Powers of ten of evidence, at least 0.

    >>> strength(1e-6, None), strength(None, 1000.0), strength(0.0, None)
    (6.0, 3.0, 300.0)
    """
    if e_value is not None:
        return min(MAX_STRENGTH, max(0.0, math.log10(max(e_value, 1.0))))
    if p_value is None:
        return 0.0
    return min(MAX_STRENGTH, max(0.0, -math.log10(p_value))) if p_value > 0 else MAX_STRENGTH


def _verdict(line: _IncidentLine) -> Verdict:
    return Verdict(
        ref=line.incident_id,
        at=line.opened_at,
        tenant_id=line.tenant_id,
        kind=line.kind,
        severity=Severity[line.severity.upper()],
        start=line.window.start,
        end=line.window.end,
        subjects=line.subjects,
        detectors=tuple(sorted({support.name for support in line.detectors})),
        strength=max((strength(one.p_value, one.e_value) for one in line.detectors), default=0.0),
    )


def _restrictions(lines: Iterable[_ActionLine]) -> Iterator[Restriction]:
    for line in lines:
        if line.effect.restricts and line.state in IN_FORCE:
            yield Restriction(
                ref=line.action_id,
                at=line.at,
                effect=line.effect,
                tenant_id=line.target.tenant_id,
                target=(line.target.type, line.target.id),
            )


def _lines(path: Path, kind: type[T]) -> Iterator[T]:
    decoder = msgspec.json.Decoder(kind)
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                try:
                    yield decoder.decode(raw)
                except msgspec.DecodeError as error:
                    raise UsageError(f"{path}, line {number}: {error}; give the file of a `vigil replay`") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; give the --out folder of a `vigil replay`") from error
