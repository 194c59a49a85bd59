"""One active scheduler at a time, by a lease in the record.

The lease is renewed well before it ends. Its fencing number grows with each change of holder, and every job run is
started in a transaction that checks it: a scheduler that was cut off and comes back starts nothing.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from vigil.clock import Clock
from vigil.record import Record
from vigil.record.schema import leases

ROLE = "jobs"
LEASE_REAL_S = 15.0
RENEW_REAL_S = 5.0


def span_of_real_seconds(clock: Clock, seconds: float) -> timedelta:
    """How far `clock` advances in so many real seconds. A simulated clock stands still: ValueError."""
    real = clock.real_seconds(timedelta(hours=1))
    if real <= 0:
        raise ValueError("a clock that stands still cannot time a scheduler")
    return timedelta(hours=1) * (seconds / real)


class Leadership:
    """This process's claim to be the active scheduler."""

    def __init__(
        self,
        record: Record,
        clock: Clock,
        holder: str | None = None,
        *,
        lease_s: float = LEASE_REAL_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._record = record
        self._clock = clock
        self._lease_s = lease_s
        self._monotonic = monotonic
        self._seen: tuple[str, int, datetime] | None = None
        self._seen_at = monotonic()
        self.holder = holder or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.fence: int | None = None
        """The fencing number while this process leads, else None."""

    def campaign(self) -> bool:
        """Take or renew the lease; whether this process leads now. Raises RecordUnavailable."""
        return self._take(whoever_holds_it=False)

    def take_over(self) -> bool:
        """Take or renew the lease whoever holds it: something else has decided that this process leads."""
        return self._take(whoever_holds_it=True)

    def close(self) -> None:
        """Let go of what was held besides the lease."""

    def _take(self, *, whoever_holds_it: bool) -> bool:
        now = self._clock.now()
        until = now + span_of_real_seconds(self._clock, self._lease_s)
        with self._record.write() as connection:
            lease = connection.execute(select(leases).where(leases.c.role == ROLE)).one_or_none()
            if lease is None:
                self.fence = 1
                connection.execute(insert(leases).values(role=ROLE, holder=self.holder, fence=1, until=until))
            elif whoever_holds_it or lease.holder == self.holder or lease.until <= now or self._stands_still(lease):
                # A holder whose lease ran out has led until nobody else did: its number grows as well.
                renewed = lease.holder == self.holder and lease.until > now
                self.fence = lease.fence if renewed else lease.fence + 1
                connection.execute(
                    update(leases)
                    .where(leases.c.role == ROLE)
                    .values(holder=self.holder, fence=self.fence, until=until)
                )
            else:
                self.fence = None
        return self.fence is not None

    def _stands_still(self, lease: Row[Any]) -> bool:
        """Whether the lease was not renewed for twice its length by this process's own stopwatch.

        Its end may lie hours ahead when the clock was set back since; nobody would lead until then.
        """
        seen = (lease.holder, lease.fence, lease.until)
        if seen != self._seen:
            self._seen, self._seen_at = seen, self._monotonic()
        return self._monotonic() - self._seen_at > 2 * self._lease_s

    def holds(self, connection: Connection) -> bool:
        """Whether this process still leads, as the record says in this transaction."""
        if self.fence is None:
            return False
        lease = connection.execute(select(leases).where(leases.c.role == ROLE)).one_or_none()
        return (
            lease is not None
            and lease.holder == self.holder
            and lease.fence == self.fence
            and lease.until > self._clock.now()
        )

    def resign(self) -> None:
        """Give the lease back, so that another process need not wait for its end."""
        if self.fence is None:
            return
        with self._record.write() as connection:
            if self.holds(connection):
                connection.execute(update(leases).where(leases.c.role == ROLE).values(until=self._clock.now()))
        self.fence = None

    def current_holder(self) -> str | None:
        """Who leads now, None when nobody does."""
        with self._record.read() as connection:
            lease = connection.execute(select(leases).where(leases.c.role == ROLE)).one_or_none()
        return lease.holder if lease is not None and lease.until > self._clock.now() else None
