"""Timed effects end by themselves, on time; when one does not, somebody is paged."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import Connection

from enforcement import pages
from enforcement.spans import is_simulated, span_of
from vigil.clock import Clock
from vigil.effect import Action
from vigil.record import Record, actions, reversals

_BATCH = 200

LATE_S = 60.0
"""Real seconds after its end at which an effect that is still in force pages."""


class Lifter:
    """Looks for effects whose time is over and sends their lifts through the outbox."""

    def __init__(self, record: Record, clock: Clock) -> None:
        self._record = record
        self._clock = clock

    def run_once(self) -> int:
        """End every effect that is over; returns their number."""
        now, ended = self._clock.now(), 0
        self._page_late_ones(now)
        while True:
            with self._record.read() as connection:
                if not actions.due_to_lift(connection, now, 1):
                    return ended
            with self._record.write() as connection:
                for action in actions.due_to_lift(connection, now, _BATCH):
                    reversals.end(connection, action, now, actions.EXPIRY, _reason(action))
                    ended += 1

    def _page_late_ones(self, now: datetime) -> None:
        if is_simulated(self._clock):
            return
        deadline = now - span_of(self._clock, LATE_S)
        with self._record.read() as connection:
            if not actions.overdue(connection, deadline):
                return
        with self._record.write() as connection:
            by_cause: dict[str, list[Action]] = defaultdict(list)
            for action in actions.overdue(connection, deadline):
                by_cause[action.incident_id or action.action_id].append(action)
            for cause, late in by_cause.items():
                _page(connection, cause, late, now)


def _page(connection: Connection, cause: str, late: list[Action], now: datetime) -> None:
    first = late[0]
    names = ", ".join(f"{action.target.type.value} {action.target.id}" for action in late[:5])
    more = f" and {len(late) - 5} more" if len(late) > 5 else ""
    pages.warn(
        connection,
        now,
        key=("overdue", cause),
        target=first.target,
        title=f"{len(late)} effect(s) should have been lifted and are not",
        what=(
            f"{first.effect.value} on {names}{more} ended at {_moment(first.expires_at)} and the gateway has not "
            "confirmed the lift: somebody is restricted who should not be."
        ),
        who=f"{names}{more} in tenant {first.target.tenant_id}",
        how_sure="certain: it is what the record says",
        since=first.expires_at,
        done="their lifts are in the outbox, or go there now, and are tried until the gateway takes them",
        do_now=f"see `vigil actions show {first.action_id}` for the gateway's last answer and `vigil status` for the "
        "dispatcher; lift it at the gateway by hand if that takes long",
        incident_id=first.incident_id,
        repeats=True,
    )


def _reason(action: Action) -> str:
    return f"expiry: {action.effect.value} was to end at {_moment(action.expires_at)}"


def _moment(moment: datetime | None) -> str:
    return "no time" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S UTC")
