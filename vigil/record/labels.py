"""What people say about incidents and subjects: the truth that detectors and policies are measured against."""

from __future__ import annotations

import enum
from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Select, insert, select, update

from vigil.clock import Clock
from vigil.effect import Target
from vigil.errors import UsageError
from vigil.ids import prefixed
from vigil.record import ledger
from vigil.record.engine import Record
from vigil.record.incident_rows import index_key, storable
from vigil.record.schema import incidents, labels
from vigil.signal import SubjectType


class Verdict(enum.Enum):
    """What an analyst found."""

    TRUE_POSITIVE = "true_positive"
    FALSE_POSITIVE = "false_positive"
    BENIGN = "benign"
    UNSURE = "unsure"


class Label(msgspec.Struct, frozen=True):
    """One person's verdict on an incident."""

    incident_id: str
    at: datetime
    actor: str
    verdict: Verdict
    note: str = ""


def set_label(record: Record, clock: Clock, incident_id: str, verdict: Verdict, actor: str, note: str = "") -> Label:
    """Label an incident; it takes the place of the label before, which is kept. Both are on the ledger.

    Raises UsageError when there is no such incident.
    """
    with record.write() as connection:
        if (
            connection.execute(select(incidents.c.incident_id).where(incidents.c.incident_id == incident_id)).first()
            is None
        ):
            raise UsageError(f"there is no incident {incident_id}; `vigil incidents list` shows those there are")
        label = Label(incident_id, clock.now(), actor, verdict, storable(note))
        connection.execute(
            update(labels)
            .where(labels.c.incident_id == incident_id, labels.c.subject_id.is_(None), labels.c.superseded.is_(False))
            .values(superseded=True)
        )
        entry = ledger.append(
            connection,
            label.at,
            actor,
            "label",
            {"incident_id": incident_id, "verdict": verdict.value, "note": label.note},
        )
        connection.execute(
            insert(labels).values(
                # The ledger's number makes two labels of one moment two labels.
                label_id=prefixed("lab", incident_id, str(entry.seq)),
                at=label.at,
                actor=storable(actor)[:256],
                incident_id=incident_id,
                label=verdict.value,
                note=label.note,
                superseded=False,
            )
        )
    return label


class SubjectLabel(msgspec.Struct, frozen=True, kw_only=True):
    """One person's verdict on one subject of an incident."""

    incident_id: str
    subject_type: SubjectType
    subject_id: str
    at: datetime
    actor: str
    verdict: Verdict
    note: str


def label_subject(
    connection: Connection, now: datetime, incident_id: str, target: Target, verdict: Verdict, actor: str, note: str
) -> None:
    """Label one subject of an incident; it takes the place of its label before, which is kept."""
    mine = (
        labels.c.incident_id == incident_id,
        labels.c.subject_type == target.type.value,
        labels.c.subject_id == index_key(target.id),
    )
    connection.execute(update(labels).where(*mine, labels.c.superseded.is_(False)).values(superseded=True))
    payload = {"incident_id": incident_id, "verdict": verdict.value, "note": note}
    subject = {"subject_type": target.type.value, "subject_id": target.id}
    entry = ledger.append(connection, now, actor, "label", {**payload, **subject})
    connection.execute(
        insert(labels).values(
            label_id=prefixed("lab", incident_id, str(entry.seq)),
            at=now,
            actor=storable(actor)[:256],
            incident_id=incident_id,
            subject_type=target.type.value,
            subject_id=index_key(target.id),
            label=verdict.value,
            note=storable(note),
            superseded=False,
        )
    )


def subject_labels(connection: Connection, incident_ids: Collection[str] | None = None) -> list[SubjectLabel]:
    """Labels of subjects that count (of these incidents), oldest first."""
    query = select(labels).where(labels.c.subject_id.is_not(None), labels.c.superseded.is_(False))
    if incident_ids is not None:
        query = query.where(labels.c.incident_id.in_(incident_ids))
    return [
        SubjectLabel(
            incident_id=row.incident_id,
            subject_type=SubjectType(row.subject_type),
            subject_id=row.subject_id,
            at=row.at,
            actor=row.actor,
            verdict=Verdict(row.label),
            note=row.note,
        )
        for row in connection.execute(query.order_by(labels.c.at, labels.c.label_id))
    ]


def list_labels(
    connection: Connection, *, since: datetime | None = None, until: datetime | None = None, limit: int | None = 200
) -> list[Label]:
    """Labels of incidents that count, newest first; `until` is exclusive."""
    query = select(labels).where(labels.c.subject_id.is_(None), labels.c.superseded.is_(False))
    if since is not None:
        query = query.where(labels.c.at >= since)
    if until is not None:
        query = query.where(labels.c.at < until)
    return _labels(connection, query.order_by(labels.c.at.desc(), labels.c.label_id).limit(limit))


def label_of(connection: Connection, incident_id: str) -> Label | None:
    """The incident's label that counts; None when nobody has labelled it."""
    found = _labels(connection, _of(incident_id).where(labels.c.superseded.is_(False)))
    return found[-1] if found else None


def history(connection: Connection, incident_id: str) -> list[Label]:
    """All labels of the incident, oldest first."""
    return _labels(connection, _of(incident_id))


def _of(incident_id: str) -> Select[tuple[object, ...]]:
    query = select(labels).where(labels.c.incident_id == incident_id, labels.c.subject_id.is_(None))
    return query.order_by(labels.c.at, labels.c.label_id)


def _labels(connection: Connection, query: Select[tuple[object, ...]]) -> list[Label]:
    return [
        Label(row.incident_id, row.at, row.actor, Verdict(row.label), row.note) for row in connection.execute(query)
    ]
