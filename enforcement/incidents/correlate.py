"""Signals to incidents: the pure part. Which incident does each signal belong to, and what does that change?

A signal goes, in this order,
  1. to the open incident of its fingerprint (tenant, kind and key),
  2. to an open incident of its tenant and kind that shares at least half of the smaller set of offenders,
  3. to a closed one, changing nothing, when it says nothing that was not known at the closing (`is_old_evidence`),
  4. into a new incident, which names the closed one it follows.
Open incidents of one tenant and kind that come to overlap so merge; the older keeps its id. Incidents of different
kinds about the same offenders stay apart and name each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from enforcement.incidents.combine import Principal, offenders, overlap_strongly
from enforcement.incidents.draft import Draft
from vigil.ids import digest
from vigil.incident import Incident, IncidentState
from vigil.record.incidents import Verb
from vigil.signal import IncidentKind, Signal, Subject, SubjectType

QUIET = timedelta(days=7)
"""An open incident without evidence for so long is over: what comes after is a new one."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the record and the account directory know about the signals' subjects."""

    incidents: Sequence[Incident] = ()
    """Those of the signals' fingerprints and those that share an offender with a signal; closed and merged too."""
    permitted: Mapping[tuple[str, Principal], str] = {}
    """(tenant, account or organisation) that may do what others may not, and why."""
    effective: Collection[tuple[str, Principal]] = frozenset()
    """(tenant, principal) with a restricting effect in force."""


class Change(msgspec.Struct, frozen=True):
    """One incident to store: opened (`verb` OPEN) or changed since `incident.revision` was read."""

    incident: Incident
    verb: Verb
    note: str
    signal_ids: tuple[str, ...] = ()


class Changes(msgspec.Struct, frozen=True):
    """Everything a batch of signals changes. Store `changed` in this order: what frees a fingerprint comes first."""

    changed: tuple[Change, ...]
    already_known: tuple[tuple[str, str], ...]
    """(signal id, closed incident id) of signals that say nothing new."""


def fingerprint_of(tenant_id: str, kind: IncidentKind, key: str) -> str:
    """What makes two signals speak of one thing."""
    return digest(tenant_id, kind.value, key, length=40)


def correlate(signals: Iterable[Signal], known: Known, now: datetime) -> Changes:
    """Sort `signals` into incidents. Pure: the same input gives the same changes, whatever the order of the signals."""
    board = _Board(known, now)
    for signal in sorted(signals, key=lambda s: (s.window.end, s.signal_id)):
        board.place(signal)
    board.merge_overlapping()
    board.relate_kinds()
    return board.changes()


def is_old_evidence(signal: Signal, closed: Incident) -> bool:
    """Whether a person who closed the incident had this before them.

    After a dismissal: whenever the signal's window begins before it. After a resolution, which says "over", less is
    needed to say "not over": most of the window lies after it, or offenders show up that were not in it.
    """
    closed_at = closed.updated_at
    if closed.state is IncidentState.DISMISSED:
        return signal.window.start < closed_at
    middle = signal.window.start + (signal.window.end - signal.window.start) / 2
    others = offenders(signal.subjects) - offenders(closed.subjects)
    return middle < closed_at and not (others and signal.window.end > closed_at)


class _Board:
    """The open incidents while signals are sorted in."""

    def __init__(self, known: Known, now: datetime) -> None:
        self._known = known
        self._now = now
        self._drafts: dict[str, Draft] = {}
        self._open_by_fingerprint: dict[str, Draft] = {}
        self._by_offender: dict[tuple[str, Principal], dict[str, Draft]] = {}
        self._closed = [one for one in known.incidents if one.state.is_closed and one.merged_into is None]
        self._already_known: list[tuple[str, str]] = []
        by_id = {one.incident_id: one for one in known.incidents}
        for incident in known.incidents:
            if incident.merged_into is None and not incident.state.is_closed:
                self._put(Draft(incident, incident), incident.fingerprint)
        for incident in known.incidents:
            # A fingerprint lives on in the incident its own was merged into.
            survivor = incident
            while survivor.merged_into is not None and survivor.merged_into in by_id:
                survivor = by_id[survivor.merged_into]
            if survivor.incident_id in self._drafts:
                self._open_by_fingerprint.setdefault(incident.fingerprint, self._drafts[survivor.incident_id])

    def place(self, signal: Signal) -> None:
        fingerprint = fingerprint_of(signal.tenant_id, signal.kind, signal.key)
        previous: Incident | None = None
        draft = self._open_by_fingerprint.get(fingerprint) or self._overlapping(signal)
        if draft is not None and signal.window.start - draft.incident.window.end > QUIET:
            previous = draft.incident
            self._drop(draft)
            draft.resolve(self._now)
            draft = None
        if draft is not None:
            draft.absorb(signal, self._now)
            self._index(draft)
            return
        if previous is None:
            closed = self._closed_about(signal, fingerprint)
            if closed and is_old_evidence(signal, closed[-1]):
                self._already_known.append((signal.signal_id, closed[-1].incident_id))
                return
            previous = closed[-1] if closed else None
        self._put(Draft.opened_by(signal, fingerprint, previous, self._now), fingerprint)

    def merge_overlapping(self) -> None:
        waiting = deque(self._changed())
        while waiting:
            draft = waiting.popleft()
            if self._drafts.get(draft.incident.incident_id) is not draft or draft.is_over:
                continue
            for other in self._neighbours(draft):
                if other.incident.kind is draft.incident.kind and overlap_strongly(draft.offenders, other.offenders):
                    older, younger = sorted((draft, other), key=_age)
                    self._merge(older, younger)
                    # It grew: look at its neighbours again.
                    waiting.append(older)
                    break

    def relate_kinds(self) -> None:
        for draft in self._changed():
            if draft.is_over:
                continue
            for other in self._neighbours(draft):
                if other.incident.kind is not draft.incident.kind:
                    draft.relate({other.incident.incident_id}, self._now)
                    other.relate({draft.incident.incident_id}, self._now)

    def changes(self) -> Changes:
        changed = []
        for draft in self._changed():
            if not draft.is_over:
                draft.finish(self._permitted(draft.incident), self._effective(draft.incident.tenant_id))
            assert draft.verb is not None
            changed.append(Change(draft.incident, draft.verb, draft.note(), tuple(draft.signal_ids)))
        # An incident that closes or merges away frees its fingerprint before a new one takes it.
        changed.sort(key=lambda c: (c.verb not in (Verb.RESOLVE, Verb.MERGE), c.incident.incident_id))
        return Changes(tuple(changed), tuple(self._already_known))

    def _overlapping(self, signal: Signal) -> Draft | None:
        mine = offenders(signal.subjects)
        candidates = {
            incident_id: draft
            for principal in mine
            for incident_id, draft in self._by_offender.get((signal.tenant_id, principal), {}).items()
            if draft.incident.kind is signal.kind and overlap_strongly(mine, draft.offenders)
        }
        return min(candidates.values(), key=_age, default=None)

    def _closed_about(self, signal: Signal, fingerprint: str) -> list[Incident]:
        """Closed incidents about the same thing; the one that decides stands last."""
        mine = offenders(signal.subjects)
        same = [
            one
            for one in self._closed
            if one.fingerprint == fingerprint
            or (
                one.state is IncidentState.DISMISSED
                and (one.tenant_id, one.kind) == (signal.tenant_id, signal.kind)
                and overlap_strongly(mine, offenders(one.subjects))
            )
        ]
        return sorted(same, key=lambda one: (is_old_evidence(signal, one), one.updated_at, one.incident_id))

    def _merge(self, older: Draft, younger: Draft) -> None:
        older.merge(younger, self._now)
        self._drop(younger)
        for fingerprint, draft in self._open_by_fingerprint.items():
            if draft is younger:
                self._open_by_fingerprint[fingerprint] = older
        if younger.before is None:
            del self._drafts[younger.incident.incident_id]  # never stored, so nothing needs to point anywhere
        else:
            younger.close_into(older, self._now)
        self._index(older)

    def _neighbours(self, draft: Draft) -> list[Draft]:
        """Open incidents of its tenant with a common offender, in the order of their ids."""
        found = {
            incident_id: other
            for principal in draft.offenders
            for incident_id, other in self._by_offender.get((draft.incident.tenant_id, principal), {}).items()
            if other is not draft
        }
        return [found[incident_id] for incident_id in sorted(found)]

    def _changed(self) -> list[Draft]:
        return [self._drafts[key] for key in sorted(self._drafts) if self._drafts[key].verb is not None]

    def _put(self, draft: Draft, fingerprint: str) -> None:
        self._drafts[draft.incident.incident_id] = draft
        self._open_by_fingerprint[fingerprint] = draft
        self._index(draft)

    def _index(self, draft: Draft) -> None:
        for principal in draft.offenders:
            key = (draft.incident.tenant_id, principal)
            self._by_offender.setdefault(key, {})[draft.incident.incident_id] = draft

    def _drop(self, draft: Draft) -> None:
        for principal in draft.offenders:
            self._by_offender[draft.incident.tenant_id, principal].pop(draft.incident.incident_id, None)

    def _permitted(self, incident: Incident) -> str | None:
        """Why every account and organisation behind it may do this; None when one may not."""
        acting = _accountable(incident.subjects)
        reasons = [self._known.permitted.get((incident.tenant_id, principal)) for principal in acting]
        if not reasons or None in reasons:
            return None
        return "; ".join(sorted({reason for reason in reasons if reason}))

    def _effective(self, tenant_id: str) -> frozenset[Principal]:
        return frozenset(principal for tenant, principal in self._known.effective if tenant == tenant_id)


def _accountable(subjects: Iterable[Subject]) -> frozenset[Principal]:
    """The accounts and organisations among the offenders; when these are keys or users only, those named beside them."""
    kinds = (SubjectType.ACCOUNT, SubjectType.ORG)
    acting = frozenset(one for one in offenders(subjects) if one[0] in kinds)
    if acting or not offenders(subjects):
        return acting
    return frozenset((subject.type, subject.id) for subject in subjects if subject.type in kinds)


def _age(draft: Draft) -> tuple[datetime, str]:
    return (draft.incident.opened_at, draft.incident.incident_id)
