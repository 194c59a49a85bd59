"""How the values of the kernel are called on screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from dashboard.views.moments import span
from dashboard.views.queue import Done
from vigil.effect import Action, ActionState, EffectKind
from vigil.incident import IncidentState
from vigil.signal import IncidentKind, SubjectRole, SubjectType

STATE_MEANING = {
    ActionState.HELD: "waits for a person",
    ActionState.FAILED: "the other side refuses",
    ActionState.DISPATCHED: "on its way",
    ActionState.CONFIRMED: "done, and confirmed",
    ActionState.SHADOW: "recorded, not done",
    ActionState.SUPPRESSED: "a gate stage said no",
    ActionState.LIFTED: "no longer in force",
}


def words(value: IncidentKind | IncidentState | EffectKind | ActionState | SubjectRole | SubjectType) -> str:
    """`coordinated_ring` becomes `coordinated ring`."""
    name: str = value.value
    return name.replace("_", " ")


def capital(text: str) -> str:
    """The first letter as a capital, the rest as it is."""
    return text[:1].upper() + text[1:]


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 account`, `14 accounts`, `1,204 accounts`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def done(entries: Sequence[Done]) -> list[tuple[str, ActionState]]:
    """What was done, as short labels: `12 × throttle`, `2 × suspend held`."""
    usual = (ActionState.CONFIRMED, ActionState.DISPATCHED)
    return [
        (
            (f"{entry.count} × " if entry.count > 1 else "")
            + words(entry.effect)
            + ("" if entry.state in usual else f" {words(entry.state)}"),
            entry.state,
        )
        for entry in entries
    ]


_LONG = 40


def effect(action: Action) -> str:
    """An effect with its parameters, the long ones left out: `throttle, rpm 10`."""
    short = [
        f"{name} {_parameter(name, value)}"
        for name, value in action.parameters.items()
        if len(_parameter(name, value)) <= _LONG
    ]
    return ", ".join([words(action.effect), *short])


def long_parameters(action: Action) -> list[tuple[str, str]]:
    """The parameters that `effect` leaves out, such as the text of a page."""
    spelled = [(name, _parameter(name, value)) for name, value in action.parameters.items()]
    return [(name, text) for name, text in spelled if len(text) > _LONG]


def _parameter(name: str, value: Any) -> str:
    if name.endswith("_s") and isinstance(value, (int, float)):
        return span(timedelta(seconds=value))
    return str(value)
