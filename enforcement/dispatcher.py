"""The dispatcher: works the outbox. Claims with a lease, calls adapters, writes what they said.

No transaction is open during a call. A crash after a call repeats it under the same idempotency key once the lease is
over; a dispatcher that lost its lease writes nothing.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta

from sqlalchemy import Connection

from enforcement import pages
from enforcement.adapters import Adapter, Answer, Delivered, Refused, Unreachable, confirming
from enforcement.alerts.gate import due_pages
from enforcement.alerts.timing import Timing
from enforcement.outcomes import Outcomes
from enforcement.spans import is_simulated, span_of
from vigil import metrics
from vigil.clock import Clock
from vigil.effect import ActionState, EffectKind, Target
from vigil.ids import digest
from vigil.log import get_logger
from vigil.record import Record, actions, decisions, kill_switches, outbox, reversals
from vigil.record.outbox import OutboxRow
from vigil.settings import Settings

_GATHER_S = 0.01
_CALLS_AT_ONCE = 16
"""Deliveries to one outside system at a time; one that hangs holds back nobody but itself."""

_ROWS_AT_ONCE = 200
"""Deliveries a round to what does not wait for another machine."""

_FIRST_RETRY_S = 2.0
_LONGEST_RETRY_S = 900.0
_LONGEST_PAUSE_S = 7200.0
"""Longer than any pause: jitter and what the other side asks for (an hour at most) included."""

_LOG = get_logger("dispatch")


class Dispatcher:
    """Delivers what is due, in the order of decisions for each target.

    `adapters` are by the name that rows carry. Several dispatchers may run at once, in threads or processes.
    `lease_s`: real seconds a claimed row is this one's, longer than a call and reading back what it did can take.
    """

    def __init__(
        self,
        record: Record,
        clock: Clock,
        adapters: Mapping[str, Adapter],
        settings: Settings,
        *,
        lease_s: float | None = None,
    ) -> None:
        self._record = record
        self._clock = clock
        self._adapters = adapters
        # A call and reading back what it did, and time to write that down.
        self._lease_s = lease_s or 2 * settings.enforcement.delivery_timeout_s + 30
        self._worker = f"{socket.gethostname()[:20]}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._outcomes = Outcomes(clock)
        self._timing = Timing.of(settings.enforcement)

    def run_once(self) -> int:
        """One round: each adapter gets what it can take at once. Returns how many were tried; 0 means nothing is due."""
        rows = self._claim()
        if not rows:
            return 0
        for answered in self._answers(rows):
            now = self._clock.now()
            with self._record.write() as connection:
                restricted = [self._write(connection, row, answer, now) for row, answer in answered]
                self._outcomes.contain(connection, {target for target in restricted if target is not None}, now)
        with self._record.read() as connection:
            metrics.OUTBOX_PENDING.set(outbox.count_pending(connection))
        return len(rows)

    def _claim(self) -> list[OutboxRow]:
        now = self._clock.now()
        until = now + span_of(self._clock, self._lease_s)
        longest = span_of(self._clock, _LONGEST_PAUSE_S)
        with self._record.read() as connection:
            if not outbox.any_due(connection, now, until, longest):
                return []
        claimed: list[OutboxRow] = []
        withdrawn = 1
        # What is withdrawn makes room for what waits behind it.
        while withdrawn and not claimed:
            withdrawn = 0
            with self._record.write() as connection:
                switches = kill_switches.active(connection, now)
                for adapter in outbox.pending_adapters(connection):
                    limit = _CALLS_AT_ONCE if self._waits(adapter) else _ROWS_AT_ONCE
                    rows = outbox.claim(
                        connection, now, self._worker, until, limit, adapter=adapter, longest_pause=longest
                    )
                    if adapter == pages.ADAPTER and not is_simulated(self._clock):
                        rows = due_pages(connection, rows, self._worker, now, self._timing)
                    for row in rows:
                        if self._withdrawn(connection, row, switches, now):
                            withdrawn += 1
                        else:
                            claimed.append(row)
        return claimed

    def _withdrawn(
        self, connection: Connection, row: OutboxRow, switches: Sequence[kill_switches.KillSwitch], now: datetime
    ) -> bool:
        """Whether the row must not go out any more: its end was decided, its time is over, or a kill switch was set."""
        delivery = row.delivery
        if delivery.effect in (EffectKind.LIFT, EffectKind.PAGE):
            return False
        action = actions.get(connection, row.action_id)
        switch = kill_switches.stopping(switches, delivery.policy, delivery.target.tenant_id)
        if action.lifted_by is not None:
            by, reason = action.lifted_by, f"{action.lifted_by} ended it before it was delivered"
        elif switch is not None:
            by, reason = (
                switch.owner,
                f"kill_switch: {switch.owner} stopped it before it was delivered: {switch.reason}",
            )
        elif delivery.expires_at is not None and delivery.expires_at <= now:
            by, reason = actions.EXPIRY, f"expiry: its time was over at {delivery.expires_at.isoformat()}"
        else:
            return False
        outbox.give_back(connection, row.outbox_id, self._worker)
        may_have_arrived = row.attempts > 1
        stopped_for_now = action.lifted_by is None and switch is not None and not may_have_arrived
        if action.effect.restricts and not stopped_for_now:
            reversals.end(connection, action, now, by, reason)
        else:
            # Suppressed, as if the switch had been set when it was decided: it is decided again when it is released.
            outbox.cancel(connection, row.action_id, now)
            decisions.move(connection, action, ActionState.SUPPRESSED, now, by, "withdrawn", reason=reason)
        return True

    def _answers(self, rows: Sequence[OutboxRow]) -> Iterator[list[tuple[OutboxRow, Answer]]]:
        """Answers as they come in. What waits for another machine gets a thread, the rest is done here and in order."""
        waiting = [row for row in rows if self._waits(row.adapter)]
        here = [row for row in rows if not self._waits(row.adapter)]
        with ThreadPoolExecutor(max_workers=max(1, len(waiting)), thread_name_prefix="deliver") as pool:
            running: dict[Future[Answer], OutboxRow] = {pool.submit(self._deliver, row): row for row in waiting}
            if here:
                yield [(row, self._deliver(row)) for row in here]
            while running:
                wait(running, return_when=FIRST_COMPLETED)
                # A moment for those that are almost done: one transaction for all of them.
                finished, _ = wait(running, timeout=_GATHER_S)
                yield [(running.pop(future), future.result()) for future in finished]

    def _waits(self, adapter: str) -> bool:
        return adapter in self._adapters and self._adapters[adapter].waits

    def _deliver(self, row: OutboxRow) -> Answer:
        adapter = self._adapters.get(row.adapter)
        started = time.perf_counter()
        if adapter is None:
            answer: Answer = Unreachable(f"no adapter {row.adapter!r} is configured; see VIGIL_ENFORCEMENT__ADAPTER")
        else:
            try:
                answer = confirming.deliver(adapter, row.delivery)
            except Exception as error:  # noqa: BLE001  (a fault in one adapter must not stop the others; it is retried and paged)
                _LOG.error("adapter failed", adapter=row.adapter, action=row.action_id, error=repr(error))
                answer = Unreachable(f"the adapter {row.adapter} failed: {type(error).__name__}")
        outcome = type(answer).__name__.lower()
        metrics.DELIVERY_SECONDS.labels(row.adapter, outcome).observe(time.perf_counter() - started)
        return answer

    def _write(self, connection: Connection, row: OutboxRow, answer: Answer, now: datetime) -> Target | None:
        """Write one outcome, unless the lease was lost; returns whom it restricts from now on."""
        match answer:
            case Delivered(detail=detail):
                if outbox.done(connection, row.outbox_id, self._worker, now):
                    return self._outcomes.delivered(connection, row, detail, now)
            case Refused(reason=reason):
                if outbox.refused(connection, row.outbox_id, self._worker, reason):
                    self._outcomes.refused(connection, row, reason, now)
            case Unreachable(reason=reason):
                not_before = now + self._pause(row, answer.retry_after)
                if outbox.retry(connection, row.outbox_id, self._worker, now, not_before, reason):
                    self._outcomes.unreachable(connection, row, reason, now)
        return None

    def _pause(self, row: OutboxRow, asked: timedelta | None) -> timedelta:
        """Exponential, between half and one and a half of it (so that a crowd spreads), never before the time asked for."""
        seconds = min(_FIRST_RETRY_S * 2 ** min(row.attempts - 1, 20), _LONGEST_RETRY_S)
        jitter = 0.5 + int(digest(row.outbox_id, str(row.attempts), length=8), 16) / 2**32
        wanted = seconds * jitter
        return span_of(self._clock, max(wanted, asked.total_seconds() if asked is not None else 0.0))
