"""The contract of adapters: one outside system each, told what to do, and what it said to that."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol, runtime_checkable

import msgspec

from vigil.delivery import Delivery
from vigil.effect import EffectKind, Target


class Delivered(msgspec.Struct, frozen=True):
    """The other side has taken it and says that it is in force."""

    detail: str = ""


class Refused(msgspec.Struct, frozen=True):
    """The other side will never take this: asking again is pointless, a person has to look."""

    reason: str


class Unreachable(msgspec.Struct, frozen=True):
    """The other side did not take it now: not there, not allowed in, busy or broken. It is asked again."""

    reason: str
    retry_after: timedelta | None = None
    """When it said when; None: the dispatcher backs off by itself."""


Answer = Delivered | Refused | Unreachable


class Adapter(Protocol):
    """Delivers effects to one outside system.

    `deliver` may be called from several threads and again with the same `idempotency_key`, after a crash or a lost
    answer: the other side must not do it twice. It returns within its deadline and raises nothing; whatever goes
    wrong is an `Answer`. `waits` says whether it waits for another machine (and so deserves a thread of its own).
    """

    name: str
    waits: bool

    def deliver(self, delivery: Delivery) -> Answer:
        """Hand over one effect."""
        ...


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """One effect that the other side says is in force, by the action that imposed it."""

    action_id: str
    effect: EffectKind
    target: Target


@runtime_checkable
class ReadsBack(Protocol):
    """An adapter whose other side can be asked what is in force: its word is checked, and reconciled with the record.

    Both return within the deadline and raise nothing. Only what vigil imposed counts, whatever else the other side
    restricts for reasons of its own.
    """

    def holds(self, delivery: Delivery) -> bool | Unreachable:
        """Whether the effect that the delivery speaks of (of a lift: the one it reverses) is in force now."""
        ...

    def in_force(self) -> tuple[InForce, ...] | Unreachable:
        """All that vigil has in force there now."""
        ...
