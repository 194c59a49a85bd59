"""One incident in full, as the record knows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from dashboard.views.actions import in_force_on, list_actions
from dashboard.views.certainty import short
from vigil.effect import Action, ActionState, EffectKind, Target
from vigil.incident import Incident, IncidentState
from vigil.record import incidents as store
from vigil.record.action_rows import target_key
from vigil.record.labels import Label, label_of
from vigil.signal import Subject, SubjectRole

MEMBERS_SHOWN = 500
"""A ring may have thousands of members; the page shows the strongest."""


class Member(msgspec.Struct, frozen=True):
    """A subject and the effects on it that are in force now."""

    subject: Subject
    in_force: tuple[Action, ...]


class Response(msgspec.Struct, frozen=True):
    """How much of an incident is contained, how soon that began, and what waits for a person."""

    offenders: int
    restricted: int
    first_effect_after: timedelta | None
    waiting: int
    pages: int


class IncidentInFull(msgspec.Struct, frozen=True):
    """Everything the record says about one incident."""

    incident: Incident
    log: tuple[store.LogLine, ...]
    label: Label | None
    actions: tuple[Action, ...]
    members: tuple[Member, ...]

    @property
    def response(self) -> Response:
        """What has been done so far, about the members that are shown."""
        offenders = [member for member in self.members if member.subject.role is SubjectRole.OFFENDER]
        first = min(
            (action.confirmed_at for action in self.actions if action.effect.restricts and action.confirmed_at),
            default=None,
        )
        return Response(
            offenders=len(offenders),
            restricted=sum(1 for member in offenders if member.in_force),
            first_effect_after=None if first is None else first - self.incident.opened_at,
            waiting=sum(1 for action in self.actions if action.state is ActionState.HELD),
            pages=sum(1 for action in self.actions if action.effect is EffectKind.PAGE),
        )

    @property
    def verbs(self) -> tuple[store.Verb, ...]:
        """What a person may do with it now."""
        if self.incident.merged_into is not None:
            return ()
        people = (store.Verb.ACKNOWLEDGE, store.Verb.RESOLVE, store.Verb.DISMISS, store.Verb.REOPEN)
        allowed = tuple(verb for verb in people if self.incident.state in store.TRANSITIONS[verb])
        closed = self.incident.state.is_closed
        # Going back to `open` is for what was closed; while it is open the other verbs say more.
        return tuple(verb for verb in allowed if closed or verb is not store.Verb.REOPEN)

    @property
    def is_acknowledged(self) -> bool:
        """Somebody has it: a contained incident stays contained when it is acknowledged."""
        if self.incident.state is IncidentState.ACKNOWLEDGED:
            return True
        verbs = [line.verb for line in self.log if line.verb in ("acknowledge", "reopen")]
        return bool(verbs) and verbs[-1] == "acknowledge"


def load(connection: Connection, incident_id: str, now: datetime) -> IncidentInFull:
    """Raises UsageError when there is no such incident."""
    incident = store.get(connection, incident_id)
    shown = incident.subjects[:MEMBERS_SHOWN]
    targets = [Target(subject.type, subject.id, incident.tenant_id) for subject in shown]
    restricted = in_force_on(connection, targets, now)
    return IncidentInFull(
        incident=incident,
        log=tuple(store.log(connection, incident_id)),
        label=label_of(connection, incident_id),
        actions=tuple(list_actions(connection, incident_id=incident_id, limit=1_000)),
        members=tuple(
            Member(subject, tuple(restricted.get(target_key(target), ())))
            for subject, target in zip(shown, targets, strict=True)
        ),
    )


_UNITS = {"_s": " s", "_ms": " ms", "_usd": " US$", "_bytes": " bytes", "_days": " days", "_tokens": " tokens"}


def facts_in_words(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Facts as (name, value) for reading.

    >>> facts_in_words({"calls_per_hour": 412.0, "median_gap_s": 4.2, "share_of_traffic": 0.184})
    [('calls per hour', '412'), ('median gap', '4.2 s'), ('share of traffic', '18.4 %')]
    """
    return [_fact(name, value) for name, value in facts.items()]


def _fact(name: str, value: Any) -> tuple[str, str]:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and "share" in name.split("_") and 0 <= value <= 1:
        return name.replace("_", " "), f"{value:.1%}".replace("%", " %")
    unit = next((suffix for suffix in _UNITS if name.endswith(suffix)), "")
    if number and unit:
        return name.removesuffix(unit).replace("_", " "), _in_words(value) + _UNITS[unit]
    return name.replace("_", " "), _in_words(value)


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{value:,}" if isinstance(value, int) else short(value)
    if value is None:
        return "unknown"
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return ", ".join(_in_words(item) for item in value[:20]) + (" …" if len(value) > 20 else "")
    if isinstance(value, dict):
        pairs = [f"{name}: {_in_words(item)}" for name, item in list(value.items())[:20]]
        return "; ".join(pairs) + (" …" if len(value) > 20 else "")
    return str(value)
