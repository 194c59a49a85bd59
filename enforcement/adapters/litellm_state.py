"""What LiteLLM's keys, users and teams look like while vigil restricts them. Pure: values in, values out.

LiteLLM keeps one limit of a kind, so vigil notes beside it, in the entity's own `metadata`, which actions are in force
and what the limits were before the first of them. Limit and note are written in one call; a repeated delivery finds its
note and does nothing, a lift computes what is left, and no state is kept anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from enforcement.adapters.base import InForce
from vigil.delivery import Delivery
from vigil.effect import EffectKind, Target
from vigil.signal import SubjectType

NOTE = "vigil"
"""Key of the note in `metadata`."""

LIMITS = ("rpm_limit", "tpm_limit", "max_budget")
"""Requests and tokens a minute, US dollars: LiteLLM's own names."""

_PARAMETERS = {"rpm": "rpm_limit", "tpm": "tpm_limit", "max_budget_usd": "max_budget"}
_SHUT = frozenset({EffectKind.SUSPEND, EffectKind.BAN})

Fields = dict[str, Any]
"""`blocked` (where the entity can be blocked) and the limits, null for none."""


class Mark(msgspec.Struct, frozen=True):
    """One action in force: whom vigil meant, and what it takes away."""

    effect: EffectKind
    target: Target
    limits: dict[str, float]


class Note(msgspec.Struct, frozen=True):
    """vigil's note on an entity: fields before the first action, and the actions in force by id."""

    before: Fields
    marks: dict[str, Mark]


def mark_of(delivery: Delivery) -> Mark | str:
    """What the delivery imposes, or why LiteLLM cannot do it."""
    if delivery.effect in _SHUT:
        return Mark(delivery.effect, delivery.target, {})
    limits = {
        _PARAMETERS[name]: float(value)
        for name, value in delivery.parameters.items()
        if name in _PARAMETERS and isinstance(value, int | float) and value >= 0
    }
    if delivery.effect is EffectKind.THROTTLE and limits:
        return Mark(delivery.effect, delivery.target, limits)
    return (
        f"LiteLLM's management API cannot {delivery.effect.value} with {sorted(delivery.parameters)}: it blocks, and sets "
        "rpm, tpm and max_budget_usd; vigil's plug-in in the proxy does the rest"
    )


def fields_of(info: Mapping[str, Any], *, can_block: bool) -> Fields:
    """The fields vigil may change, out of what LiteLLM says of an entity."""
    fields: Fields = {name: info.get(name) for name in LIMITS}
    if can_block:
        fields["blocked"] = bool(info.get("blocked"))
    return fields


def note_of(metadata: Mapping[str, Any], fields: Fields) -> Note:
    """The note in the metadata; a fresh one where there is none or it cannot be read.

    What somebody changed at LiteLLM since vigil wrote is what they want: it becomes the state to go back to.
    """
    try:
        note = msgspec.convert(metadata.get(NOTE), Note)
    except msgspec.ValidationError:
        return Note(dict(fields), {})
    if not note.marks:
        return Note(dict(fields), {})
    ours = imposed(note)
    changed = {name: value for name, value in fields.items() if value != ours.get(name)}
    return Note({**note.before, **changed}, note.marks)


def imposed(note: Note) -> Fields:
    """The fields with all marks in force. What cannot be blocked is shut by limits of nothing."""
    fields = dict(note.before)
    shut = any(mark.effect in _SHUT for mark in note.marks.values())
    for mark in note.marks.values():
        for name, limit in mark.limits.items():
            fields[name] = limit if fields.get(name) is None else min(fields[name], limit)
    if shut and "blocked" in fields:
        fields["blocked"] = True
    elif shut:
        fields |= dict.fromkeys(LIMITS, 0)
    # LiteLLM's rates are whole numbers.
    return {
        name: int(value) if name in ("rpm_limit", "tpm_limit") and value is not None else value
        for name, value in fields.items()
    }


def is_effective(mark: Mark, fields: Fields) -> bool:
    """Whether the entity is restricted at least as much as the mark wants."""
    if mark.effect in _SHUT:
        return bool(fields["blocked"]) if "blocked" in fields else all(fields.get(name) == 0 for name in LIMITS)
    return all(fields.get(name) is not None and fields[name] <= limit for name, limit in mark.limits.items())


def seen(metadata: Mapping[str, Any], fields: Fields) -> list[InForce]:
    """Actions of vigil that are in force on an entity."""
    try:
        note = msgspec.convert(metadata.get(NOTE), Note)
    except msgspec.ValidationError:
        return []
    return [
        InForce(action_id=action_id, effect=mark.effect, target=mark.target)
        for action_id, mark in note.marks.items()
        if is_effective(mark, fields)
    ]


def entity_kind(target: Target, account_is: str) -> str | None:
    """What a principal of vigil is in LiteLLM: `key`, `user`, `team` or `end_user`."""
    return {
        SubjectType.API_KEY: "key",
        SubjectType.ACCOUNT: account_is,
        SubjectType.ORG: "team",
        SubjectType.END_USER: "end_user",
    }.get(target.type)
