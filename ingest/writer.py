"""Accepted events and dead letters into ClickHouse, each batch as a whole and only once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from ingest.budgets import BodyBudgets
from ingest.columns import Columns, body_columns, dead_letter_columns, event_columns, share_columns
from ingest.outcome import Accepted, DeadLetter
from vigil import metrics
from vigil.errors import DeadLetterStoreError, WarehouseRejected
from vigil.warehouse import Warehouse

DAYS_PER_INSERT = 90
"""ClickHouse refuses an insert that touches more than 100 partitions, and a day is a partition."""

# Server errors that speak of the table or the user, not of the rows: no bisecting would find a bad row.
_NOT_THE_ROWS = frozenset({16, 36, 46, 47, 60, 62, 81, 115, 164, 497})


SUSPICIOUS_ROWS = 64
"""So many rows refused each alone, and none accepted: it is not the rows."""


class Written(msgspec.Struct, frozen=True):
    """What one batch came to. The same batch written again reports the same, though nothing changes."""

    events: int
    dead_letters: int


class Sink(Protocol):
    """Where batches go."""

    def write(self, accepted: Sequence[Accepted], dead: Sequence[DeadLetter], *, token: str) -> Written:
        """Write a batch; with the same token again, nothing changes.

        Raises WarehouseUnavailable (try the same batch and token again), DeadLetterStoreError or WarehouseRejected
        (the schema or the user is wrong: stop).
        """
        ...


class EventWriter:
    """Writes batches to `events`, `bodies` and `dead_letters`; with `budgets`, not every body.

    Order: dead letters, bodies, events. So whoever sees an event finds its body, and a position is only moved (by the
    caller, afterwards) past what is stored. Every insert has a sub-token that depends on the token and on each event's
    own day, never on what else is in the batch.
    """

    def __init__(self, warehouse: Warehouse, budgets: BodyBudgets | None = None) -> None:
        self._warehouse = warehouse
        self._budgets = budgets

    def write(self, accepted: Sequence[Accepted], dead: Sequence[DeadLetter], *, token: str) -> Written:
        """See `Sink`."""
        self._write_dead(dead, token)
        by_days: defaultdict[int, list[Accepted]] = defaultdict(list)
        for item in accepted:
            by_days[item.event.event_time.toordinal() // DAYS_PER_INSERT].append(item)
        shed = self._shed(accepted, token)
        no_bodies, no_events = _Refusals(), _Refusals()
        for days, items in sorted(by_days.items()):
            sub_token = f"{token}/{days}"
            good = self._insert(
                "bodies", body_columns, [item for item in items if id(item) not in shed], sub_token, no_bodies
            )
            without_body = [item for item in items if id(item) in shed]
            self._insert("events", event_columns, [*good, *without_body], sub_token, no_events)
        refused = [*no_bodies.letters, *no_events.letters]
        self._write_dead(refused, f"{token}/refused")
        self._count(accepted, [*dead, *refused])
        return Written(len(accepted) - len(refused), len(dead) + len(refused))

    def _shed(self, accepted: Sequence[Accepted], token: str) -> frozenset[int]:
        """Ids of the objects whose body is beyond their tenant's budget; what was shed is recorded."""
        if self._budgets is None or not accepted:
            return frozenset()
        _, shed, shares = self._budgets.divide(accepted)
        if shares:
            names, data = share_columns(shares)
            self._warehouse.insert("tenant_minutes", names, data, token=token)
        for share in shares:
            metrics.BODIES_SHED.inc(share.bodies - share.kept_bodies)
        return frozenset(map(id, shed))

    def _insert(
        self,
        table: str,
        columns: Callable[[Sequence[Accepted]], Columns],
        items: Sequence[Accepted],
        token: str,
        refused: _Refusals,
    ) -> Sequence[Accepted]:
        """Insert `items`; those that ClickHouse refuses even alone join `refused`. Returns the others.

        Raises WarehouseRejected when it is not the rows that are wrong.
        """
        try:
            names, data = columns(items)
            self._warehouse.insert(table, names, data, token=token)
        except WarehouseRejected as error:
            if error.code in _NOT_THE_ROWS:
                raise
            if len(items) == 1:
                refused.add(items[0], error)
                return []
            middle = len(items) // 2
            left = self._insert(table, columns, items[:middle], token + "0", refused)
            right = self._insert(table, columns, items[middle:], token + "1", refused)
            return [*left, *right]
        refused.accepted_some = True
        return items

    def _write_dead(self, letters: Sequence[DeadLetter], token: str) -> None:
        if not letters:
            return
        names, data = dead_letter_columns(letters)
        try:
            self._warehouse.insert("dead_letters", names, data, token=token)
        except WarehouseRejected as error:
            raise DeadLetterStoreError(
                f"{len(letters)} dead letters cannot be stored, so nothing is read on: {error}."
                " Bring the schema up to date (`vigil check`) or mend the table dead_letters"
            ) from error

    @staticmethod
    def _count(accepted: Sequence[Accepted], dead: Sequence[DeadLetter]) -> None:
        if accepted:
            metrics.EVENTS_WRITTEN.labels(accepted[0].origin.kafka_topic or "file").inc(len(accepted))
        for letter in dead:
            metrics.DEAD_LETTERS.labels(letter.origin.kafka_topic or "file", letter.error_class).inc()


class _Refusals:
    """The rows of one batch that one table refused, each alone."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []
        self.accepted_some = False

    def add(self, item: Accepted, error: WarehouseRejected) -> None:
        """Raises `error` when every row so far has been refused."""
        self.letters.append(_refused(item, error))
        if len(self.letters) >= SUSPICIOUS_ROWS and not self.accepted_some:
            raise error


def _refused(item: Accepted, error: WarehouseRejected) -> DeadLetter:
    """The reason names the server's error code only: its text may quote the row."""
    code = "the driver cannot encode it" if error.code is None else f"error code {error.code}"
    return DeadLetter(
        raw=item.own_payload(),
        origin=item.origin,
        at=item.received_at,
        error_class="warehouse_rejected",
        reason=f"ClickHouse refuses this event ({code}) although it passed validation; compare it with the table"
        " events, then requeue it or report it as a bug of vigil",
        dialect=item.dialect,
    )
