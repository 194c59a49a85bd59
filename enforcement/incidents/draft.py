"""One incident while a batch of signals is being sorted into incidents."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from enforcement.incidents.combine import (
    Principal,
    combined_detectors,
    combined_event_ids,
    combined_subjects,
    combined_window,
    offenders,
    support_of,
)
from enforcement.incidents.severity import incident_severity
from enforcement.incidents.wording import listed, summary_of
from vigil.ids import prefixed
from vigil.incident import Evidence, Incident, IncidentState
from vigil.record.incidents import Verb
from vigil.signal import Severity, Signal

MAX_RELATED = 20


class Draft:
    """An incident under change. `before` is what the record holds, None for a new one."""

    def __init__(self, incident: Incident, before: Incident | None) -> None:
        self.incident = incident
        self.before = before
        self.verb: Verb | None = None if before else Verb.OPEN
        self.signal_ids: list[str] = []

    @classmethod
    def opened_by(cls, signal: Signal, fingerprint: str, previous: Incident | None, now: datetime) -> Draft:
        """A new incident from its first signal; `previous` is the closed one about the same thing."""
        incident = Incident(
            incident_id=prefixed("inc", fingerprint, signal.signal_id),
            tenant_id=signal.tenant_id,
            kind=signal.kind,
            severity=signal.severity,
            state=IncidentState.OPEN,
            fingerprint=fingerprint,
            title=signal.title,
            summary="",
            opened_at=now,
            updated_at=now,
            window=signal.window,
            subjects=(),
            detectors=(),
            evidence=Evidence(facts={"previous_incident": previous.incident_id} if previous else {}),
        )
        draft = cls(incident, None)
        draft.absorb(signal, now)
        return draft

    @property
    def offenders(self) -> frozenset[Principal]:
        """Its offenders as they stand."""
        return offenders(self.incident.subjects)

    @property
    def is_over(self) -> bool:
        """Merged into another or closed: nothing more is added."""
        return self.incident.merged_into is not None or self.incident.state.is_closed

    @property
    def facts(self) -> dict[str, Any]:
        """Its facts as they stand."""
        return self.incident.evidence.facts

    def absorb(self, signal: Signal, now: datetime) -> None:
        """Take a signal in."""
        old = self.facts
        known = _severity_of(old)
        facts = {
            **old,
            **signal.facts,
            "signals": old.get("signals", 0) + 1,
            "signal_severity": max(known, signal.severity).label,
            "effect_size": max(old.get("effect_size", signal.effect_size), signal.effect_size),
            "said": {**old.get("said", {}), signal.detector: signal.summary},
        }
        for kept in ("previous_incident", "merged_incidents", "related_incidents", "permitted"):
            facts.pop(kept, None)
            if kept in old:
                facts[kept] = old[kept]
        incident = self.incident
        self.incident = msgspec.structs.replace(
            incident,
            # The title of the gravest statement, in its newest form.
            title=signal.title if signal.severity >= known else incident.title,
            updated_at=now,
            window=combined_window(incident.window, signal.window),
            subjects=combined_subjects(incident.subjects, signal.subjects),
            detectors=combined_detectors(incident.detectors, (support_of(signal),)),
            evidence=Evidence(combined_event_ids(incident.evidence.event_ids, signal.event_ids), facts),
        )
        self.signal_ids.append(signal.signal_id)
        self._changes(Verb.UPDATE)

    def merge(self, younger: Draft, now: datetime) -> None:
        """Take a whole incident in."""
        mine, theirs = self.incident, younger.incident
        old, other = self.facts, younger.facts
        merged = [*old.get("merged_incidents", ()), *other.get("merged_incidents", ())]
        if younger.before is not None:
            merged.append(theirs.incident_id)
        facts = {
            **other,
            **old,
            "signals": old.get("signals", 0) + other.get("signals", 0),
            "signal_severity": max(_severity_of(old), _severity_of(other)).label,
            "effect_size": max(old["effect_size"], other["effect_size"]),
            "said": {**other.get("said", {}), **old.get("said", {})},
        }
        if merged:
            facts["merged_incidents"] = list(dict.fromkeys(merged))[-MAX_RELATED:]
        self.incident = msgspec.structs.replace(
            mine,
            title=theirs.title if _severity_of(other) > _severity_of(old) else mine.title,
            updated_at=now,
            window=combined_window(mine.window, theirs.window),
            subjects=combined_subjects(mine.subjects, theirs.subjects),
            detectors=combined_detectors(mine.detectors, theirs.detectors),
            evidence=Evidence(combined_event_ids(mine.evidence.event_ids, theirs.evidence.event_ids), facts),
        )
        self.signal_ids += younger.signal_ids
        younger.signal_ids = []
        self._changes(Verb.MERGE)

    def close_into(self, survivor: Draft, now: datetime) -> None:
        """Record that this one lives on in `survivor`."""
        self.incident = msgspec.structs.replace(
            self.incident, merged_into=survivor.incident.incident_id, updated_at=now
        )
        self.verb = Verb.MERGE

    def resolve(self, now: datetime) -> None:
        """Close it because nothing came for long."""
        self.incident = msgspec.structs.replace(self.incident, state=IncidentState.RESOLVED, updated_at=now)
        self.verb = Verb.RESOLVE

    def relate(self, others: set[str], now: datetime) -> None:
        """Name the incidents of other kinds about the same principals."""
        known: list[str] = self.facts.get("related_incidents", [])
        related = [*known, *sorted(others - set(known))][:MAX_RELATED]
        if related == known:
            return
        evidence = msgspec.structs.replace(self.incident.evidence, facts={**self.facts, "related_incidents": related})
        self.incident = msgspec.structs.replace(self.incident, evidence=evidence, updated_at=now)
        self._changes(Verb.LINK)

    def finish(self, permitted: str | None, effective: frozenset[Principal]) -> None:
        """Derive severity, state and summary from what was collected.

        `permitted` is why all its offenders may do this, None when not all may. `effective` are the principals with
        an effect in force: new offenders outside it end the containment.
        """
        facts = {name: value for name, value in self.facts.items() if name != "permitted"}
        if permitted is not None:
            facts["permitted"] = permitted
        incident = msgspec.structs.replace(
            self.incident, evidence=msgspec.structs.replace(self.incident.evidence, facts=facts)
        )
        state = incident.state
        if state is IncidentState.CONTAINED and self.new_offenders - effective:
            state = IncidentState.OPEN
        self.incident = msgspec.structs.replace(
            incident,
            state=state,
            severity=incident_severity(_severity_of(facts), incident.families, permitted=permitted is not None),
            summary=summary_of(incident),
        )

    @property
    def new_offenders(self) -> frozenset[Principal]:
        """Offenders that the record does not know yet in this incident."""
        return self.offenders - (offenders(self.before.subjects) if self.before else frozenset())

    def note(self) -> str:
        """What changed, for the incident's log."""
        before = self.before
        if self.incident.merged_into is not None:
            return f"merged into {self.incident.merged_into}: the same offenders"
        if self.verb is Verb.RESOLVE:
            return "no new evidence for a week; new evidence opens another incident"
        if self.verb is Verb.LINK:
            return f"related: {', '.join(self.facts['related_incidents'])}"
        parts = [f"{len(self.signal_ids)} signal{'s' if len(self.signal_ids) != 1 else ''}"] if self.signal_ids else []
        if self.new_offenders:
            parts.append(f"new: {listed(sorted(identifier for _, identifier in self.new_offenders))}")
        known = len(before.evidence.facts.get("merged_incidents", ())) if before else 0
        if merged := self.facts.get("merged_incidents", [])[known:]:
            parts.append(f"took in {', '.join(merged)}")
        if before is not None and before.severity != self.incident.severity:
            parts.append(f"severity {before.severity.label} → {self.incident.severity.label}")
        if before is not None and before.state != self.incident.state:
            parts.append("no longer contained")
        return "; ".join(parts)

    def _changes(self, verb: Verb) -> None:
        # Opening and updating say more than linking; a new incident stays new whatever follows.
        if self.verb is None or (self.verb is Verb.LINK and verb is not Verb.LINK):
            self.verb = verb


def _severity_of(facts: dict[str, Any]) -> Severity:
    return Severity[str(facts.get("signal_severity", "low")).upper()]
