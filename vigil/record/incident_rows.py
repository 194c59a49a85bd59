"""How an incident becomes rows of the record and comes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row

from vigil.ids import digest
from vigil.incident import DetectorSupport, Evidence, Incident, IncidentState
from vigil.signal import IncidentKind, Severity, Subject, Window


def columns_of(incident: Incident) -> dict[str, Any]:
    """Values of a row of `incidents`, without `enforced_revision`."""
    is_open = not incident.state.is_closed and incident.merged_into is None
    return {
        "incident_id": incident.incident_id,
        "tenant_id": incident.tenant_id,
        "kind": incident.kind.value,
        "severity": int(incident.severity),
        "state": incident.state.value,
        "fingerprint": incident.fingerprint,
        "title": storable(incident.title),
        "summary": storable(incident.summary),
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "window_start": incident.window.start,
        "window_end": incident.window.end,
        "subjects": _json(incident.subjects),
        "detectors": _json(incident.detectors),
        "evidence": _json(incident.evidence),
        "revision": incident.revision,
        "merged_into": incident.merged_into,
        "open_key": incident.fingerprint if is_open else None,
    }


def incident_of(row: Row[Any]) -> Incident:
    """The incident in a row of `incidents`."""
    return Incident(
        incident_id=row.incident_id,
        tenant_id=row.tenant_id,
        kind=IncidentKind(row.kind),
        severity=Severity(row.severity),
        state=IncidentState(row.state),
        fingerprint=row.fingerprint,
        title=row.title,
        summary=row.summary,
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        window=Window(row.window_start, row.window_end),
        subjects=msgspec.json.decode(row.subjects, type=tuple[Subject, ...]),
        detectors=msgspec.json.decode(row.detectors, type=tuple[DetectorSupport, ...]),
        evidence=msgspec.json.decode(row.evidence, type=Evidence),
        revision=row.revision,
        merged_into=row.merged_into,
    )


def subject_rows(incident: Incident) -> list[dict[str, Any]]:
    """Rows of `incident_subjects`: one a subject, in its strongest role."""
    rows = {
        (subject.type, index_key(subject.id)): {
            "incident_id": incident.incident_id,
            "subject_type": subject.type.value,
            "subject_id": index_key(subject.id),
            "tenant_id": incident.tenant_id,
            "role": subject.role.value,
            "score": subject.score,
        }
        for subject in reversed(incident.subjects)  # strongest first, so the strongest is written last
    }
    return list(rows.values())


def index_key(subject_id: str) -> str:
    """What identifies a subject in the index: itself, or head and hash when it is longer than the column."""
    text = storable(subject_id)
    return text if len(text) <= 512 else f"{text[:460]}…{digest(subject_id)}"


def storable(text: str) -> str:
    """PostgreSQL refuses NUL in text, and this text may come from telemetry."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _json(value: Sequence[Subject] | Sequence[DetectorSupport] | Evidence) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()
