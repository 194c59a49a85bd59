"""Putting statements about one thing together: subjects, detectors, evidence, and how far offenders overlap."""

from __future__ import annotations

from collections.abc import Iterable

from vigil.incident import DetectorSupport
from vigil.signal import Signal, Subject, SubjectRole, SubjectType, Window

MAX_EVENT_IDS = 20
OVERLAP = 0.5
"""Two incidents of one kind are the same when they share at least this part of the smaller one's offenders."""

Principal = tuple[SubjectType, str]

# Between statements of equal strength the one that does least harm to the subject wins.
_CAUTION = {SubjectRole.OFFENDER: 0, SubjectRole.CONTEXT: 1, SubjectRole.AFFECTED: 2, SubjectRole.VICTIM: 3}


def combined_subjects(*statements: Iterable[Subject]) -> tuple[Subject, ...]:
    """Each subject once, with its highest score and the role that statement gave it; strongest first."""
    best: dict[Principal, Subject] = {}
    for statement in statements:
        for subject in statement:
            known = best.get((subject.type, subject.id))
            if known is None or (subject.score, _CAUTION[subject.role]) > (known.score, _CAUTION[known.role]):
                best[subject.type, subject.id] = subject
    return tuple(sorted(best.values(), key=lambda s: (-s.score, _CAUTION[s.role], s.type.value, s.id)))


def combined_detectors(*supports: Iterable[DetectorSupport]) -> tuple[DetectorSupport, ...]:
    """Of each detector version its strongest statement; strongest first."""
    best: dict[tuple[str, str], DetectorSupport] = {}
    for group in supports:
        for support in group:
            known = best.get((support.name, support.version))
            if known is None or _strength(support) > _strength(known):
                best[support.name, support.version] = support
    return tuple(sorted(best.values(), key=lambda s: (tuple(-x for x in _strength(s)), s.name, s.version)))


def support_of(signal: Signal) -> DetectorSupport:
    """The signal as one line of support."""
    return DetectorSupport(
        signal.detector, signal.version, signal.family, signal.score, p_value=signal.p_value, e_value=signal.e_value
    )


def combined_event_ids(earlier: Iterable[str], later: Iterable[str]) -> tuple[str, ...]:
    """At most 20 different ids: how it began and how it is now."""
    ids = tuple(dict.fromkeys((*earlier, *later)))
    half = MAX_EVENT_IDS // 2
    return ids if len(ids) <= MAX_EVENT_IDS else (*ids[:half], *ids[-half:])


def combined_window(first: Window, second: Window) -> Window:
    """The span that holds both."""
    return Window(min(first.start, second.start), max(first.end, second.end))


def offenders(subjects: Iterable[Subject]) -> frozenset[Principal]:
    """The principals that policies may act on."""
    return frozenset((subject.type, subject.id) for subject in subjects if subject.role is SubjectRole.OFFENDER)


def overlap_strongly(first: frozenset[Principal], second: frozenset[Principal]) -> bool:
    """Whether they share at least half of the smaller set. Without offenders nothing overlaps."""
    smaller = min(len(first), len(second))
    return smaller > 0 and len(first & second) >= OVERLAP * smaller


def _strength(support: DetectorSupport) -> tuple[float, float, float]:
    return (support.score, support.e_value or 0.0, -1.0 if support.p_value is None else -support.p_value)
