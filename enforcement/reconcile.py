"""The gateway's truth against the record's, both ways, on a schedule.

What the record says is in force and the gateway does not have is delivered again; what the gateway has in force by
vigil's doing and the record does not want there is lifted. Each difference is a line in the ledger, and somebody is
paged: a gateway and a record that disagree are a fault, even when it is mended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from enforcement import pages
from enforcement.adapters import Adapter, InForce, ReadsBack, Unreachable
from vigil.clock import Clock
from vigil.delivery import Delivery, delivery_of
from vigil.effect import Action, ActionState, EffectKind
from vigil.ids import prefixed
from vigil.log import get_logger
from vigil.record import Record, actions, decisions, outbox, reversals
from vigil.record.action_rows import ON_DUTY

MOST_A_RUN = 200
"""Differences looked into in one run: the rest is for the next."""

_LOG = get_logger("reconcile")


class Reconciled(msgspec.Struct, frozen=True):
    """What one run found: effects delivered again, effects lifted, effects whose end had been refused, and
    `adapter: why` of those that did not answer."""

    missing: int = 0
    stray: int = 0
    over: int = 0
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Differences:
    """What looks different before it is asked again: neither side stands still between two looks."""

    missing: tuple[Action, ...]
    stray: tuple[InForce, ...]
    gone: tuple[Action, ...] = ()
    """Their end is decided, no lift is on the way, and the gateway does not have them any more."""
    staying: tuple[Action, ...] = ()
    """The same, but the gateway has them still: it refused the lift."""


def compare(confirmed: Sequence[Action], known: Mapping[str, Action], seen: Sequence[InForce]) -> _Differences:
    """What the record has in force and the gateway does not show, and the other way round.

    `confirmed`: what ought to be seen. `known`: actions of the record by id, at least those that are seen.
    """
    shown = {one.action_id for one in seen}
    return _Differences(
        tuple(action for action in confirmed if action.action_id not in shown),
        tuple(one for one in seen if one.action_id not in known or known[one.action_id].state not in ON_DUTY),
    )


class Reconciler:
    """Compares every adapter that can be read back with the record."""

    def __init__(self, record: Record, clock: Clock, adapters: Mapping[str, Adapter]) -> None:
        self._record = record
        self._clock = clock
        self._adapters = adapters

    def run_once(self) -> Reconciled:
        """One comparison with each adapter. Raises RecordUnavailable."""
        missing, stray, over, unread = 0, 0, 0, []
        for name, adapter in self._adapters.items():
            if not isinstance(adapter, ReadsBack):
                continue
            found = self._differences(name, adapter)
            if isinstance(found, Unreachable):
                _LOG.warning("what is in force cannot be read", adapter=name, reason=found.reason)
                unread.append(f"{name}: {found.reason}")
            else:
                with self._record.write() as connection:
                    missing += self._deliver_again(connection, name, found.missing)
                    stray += self._lift(connection, name, found.stray)
                    over += self._end(connection, name, found)
        return Reconciled(missing, stray, over, tuple(unread))

    def _differences(self, name: str, adapter: ReadsBack) -> _Differences | Unreachable:
        seen = adapter.in_force()
        if isinstance(seen, Unreachable):
            return seen
        now = self._clock.now()
        with self._record.read() as connection:
            delivered = outbox.confirmed(connection, name)
            over = [action for action in delivered if _is_over(connection, action)]
            known = actions.find(connection, [one.action_id for one in seen])
        looks = compare([action for action in delivered if _is_to_last(action, now)], known, seen)
        # Each is asked again now, after the record was read: what changed in between is no difference.
        missing, stray = [], []
        for action in looks.missing[:MOST_A_RUN]:
            if isinstance(holds := adapter.holds(delivery_of(action)), Unreachable):
                return holds
            if not holds:
                missing.append(action)
        for one in looks.stray[:MOST_A_RUN]:
            if isinstance(holds := adapter.holds(_imagined(one, now)), Unreachable):
                return holds
            if holds:
                stray.append(one)
        gone: list[Action] = []
        staying: list[Action] = []
        for action in over[:MOST_A_RUN]:
            if isinstance(holds := adapter.holds(delivery_of(action)), Unreachable):
                return holds
            (staying if holds else gone).append(action)
        return _Differences(tuple(missing), tuple(stray), tuple(gone), tuple(staying))

    def _deliver_again(self, connection: Connection, adapter: str, missing: Sequence[Action]) -> int:
        now = self._clock.now()
        again = []
        for action in actions.find(connection, [one.action_id for one in missing]).values():
            if action.state is not ActionState.CONFIRMED or not _is_to_last(action, now):
                continue
            reason = f"reconciliation: {adapter} no longer has it in force; it is delivered again"
            decisions.move(
                connection,
                action,
                ActionState.DISPATCHED,
                now,
                pages.SYSTEM,
                "missing_at_gateway",
                {"adapter": adapter},
                reason=reason,
            )
            outbox.deliver_again(connection, action, now)
            again.append(action)
        if again:
            self._page(
                connection,
                now,
                adapter,
                "missing",
                again[0],
                f"{adapter} lost {len(again)} effect(s) that were in force",
                f"{_names(again)} were confirmed by {adapter} and are not in force there any more: it was restored or "
                "reset, or somebody lifted them there. vigil delivers them again.",
                "if somebody lifted one on purpose, lift it with `vigil actions lift`, so that it stays lifted; else find "
                f"out why {adapter} forgot",
            )
        return len(again)

    def _lift(self, connection: Connection, adapter: str, stray: Sequence[InForce]) -> int:
        now = self._clock.now()
        known = actions.find(connection, [one.action_id for one in stray])
        lifted = []
        for one in stray:
            action = known.get(one.action_id)
            before = actions.lifts_of(connection, one.action_id)
            if (action is not None and action.state in ON_DUTY) or any(
                lift.state is ActionState.DISPATCHED for lift in before
            ):
                continue
            decisions.decide(connection, _lift_of(one, action, adapter, len(before), now), adapter, pages.SYSTEM)
            lifted.append(one)
        if lifted:
            self._page(
                connection,
                now,
                adapter,
                "stray",
                lifted[0],
                f"{adapter} restricts {len(lifted)} principal(s) that the record does not",
                f"{_names(lifted)} are in force at {adapter} by vigil's doing, but the record says they failed, ended or "
                "were never decided. vigil lifts them.",
                "look at `vigil actions show` for each; if the record was restored from a backup, check what else it lost",
            )
        return len(lifted)

    def _end(self, connection: Connection, adapter: str, found: _Differences) -> int:
        """What is to end and has ended there is lifted; what has not is asked for again. People know: they were paged."""
        now, ended = self._clock.now(), 0
        current = actions.find(connection, [one.action_id for one in (*found.gone, *found.staying)])
        gone = {action.action_id for action in found.gone}
        for action in current.values():
            if action.state is not ActionState.CONFIRMED or not _is_over(connection, action):
                continue
            by = action.lifted_by or actions.EXPIRY
            if action.action_id in gone:
                details = {"adapter": adapter, "detail": "its lift was refused, and it is not in force any more"}
                decisions.move(connection, action, ActionState.LIFTED, now, by, "lifted", details, lifted_at=now)
            else:
                reason = f"reconciliation: its end was decided, {adapter} refused the lift and has it in force still"
                reversals.end(connection, action, now, by, reason)
            ended += 1
        return ended

    @staticmethod
    def _page(
        connection: Connection,
        now: datetime,
        adapter: str,
        kind: str,
        first: Action | InForce,
        title: str,
        what: str,
        do_now: str,
    ) -> None:
        pages.warn(
            connection,
            now,
            key=("reconcile", adapter, kind),
            target=first.target,
            title=title,
            what=what,
            do_now=do_now,
            repeats=True,
        )


def _is_to_last(action: Action, now: datetime) -> bool:
    """Whether nothing ends it yet: neither its time nor a decision."""
    return action.lifted_by is None and (action.expires_at is None or action.expires_at > now)


def _is_over(connection: Connection, action: Action) -> bool:
    """Whether its end is decided and nothing is on the way to bring it about."""
    return action.lifted_by is not None and not any(
        lift.state is ActionState.DISPATCHED for lift in actions.lifts_of(connection, action.action_id)
    )


def _lift_of(one: InForce, action: Action | None, adapter: str, number: int, now: datetime) -> Action:
    state = "it does not know it" if action is None else f"it is {action.state.value}"
    return Action(
        action_id=prefixed("act", "stray", adapter, one.action_id, str(number)),
        at=now,
        effect=EffectKind.LIFT,
        parameters={"effect": one.effect.value},
        target=one.target,
        policy=pages.SYSTEM if action is None else action.policy,
        policy_version="" if action is None else action.policy_version,
        incident_id=None if action is None else action.incident_id,
        state=ActionState.DISPATCHED,
        reason=f"reconciliation: {adapter} has {one.effect.value} in force; by the record {state}",
        reverses=one.action_id,
    )


def _imagined(one: InForce, now: datetime) -> Delivery:
    """What would have imposed it, for asking about it."""
    return Delivery(
        idempotency_key=one.action_id,
        action_id=one.action_id,
        at=now,
        effect=one.effect,
        parameters={},
        target=one.target,
        policy="",
        policy_version="",
        incident_id=None,
        reason="",
    )


def _names(found: Sequence[Action | InForce]) -> str:
    names = [f"{one.effect.value} on {one.target.type.value} {pages.plain(one.target.id)}" for one in found[:5]]
    more = len(found) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
