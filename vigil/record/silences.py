"""Silences: pages that match are not sent for a while. Each has an author, a reason and an end, and ends unused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, insert, select, update

from vigil.clock import Clock
from vigil.errors import UsageError
from vigil.ids import prefixed
from vigil.record import ledger
from vigil.record.engine import Record
from vigil.record.incident_rows import storable
from vigil.record.schema import silences

FIELDS = ("receiver", "severity", "tenant", "incident", "policy", "title")
"""What a matcher can speak of."""

LONGEST = timedelta(days=30)
UNUSED = timedelta(days=1)
"""A silence that kept no page for so long is over: what it was for has passed, and nobody would remember it."""


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """One silence. Every matcher must fit; `*` and `?` in its value stand for anything and for one character."""

    silence_id: str
    matchers: dict[str, str]
    author: str
    reason: str
    set_at: datetime
    ends_at: datetime
    used_at: datetime | None = None
    released_at: datetime | None = None

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether it keeps a page with these labels."""
        return all(fnmatchcase(labels.get(name, ""), value) for name, value in self.matchers.items())


def add(
    record: Record, clock: Clock, matchers: Mapping[str, str], author: str, reason: str, ends_at: datetime
) -> Silence:
    """Set a silence and say so in the ledger. Raises UsageError when it matches everything, or has no reason or end."""
    now = clock.now()
    unknown = sorted(set(matchers) - set(FIELDS))
    if unknown:
        raise UsageError(f"a silence cannot match {unknown[0]!r}; it can match {', '.join(FIELDS)}")
    if not any(value.strip("*?") for value in matchers.values()):
        raise UsageError("a silence has to name something: one that fits every page would hide the next fire")
    if not reason.strip():
        raise UsageError("a silence needs a reason: whoever misses a page must know why")
    if not now < ends_at <= now + LONGEST:
        raise UsageError(f"a silence has to end within {LONGEST.days} days from now, not at {ends_at.isoformat()}")
    made = Silence(
        silence_id=prefixed("sil", now.isoformat(), author, repr(sorted(matchers.items()))),
        matchers=dict(matchers),
        author=author,
        reason=reason.strip(),
        set_at=now,
        ends_at=ends_at,
    )
    with record.write() as connection:
        columns = msgspec.structs.asdict(made)
        columns |= {"matchers": msgspec.json.encode(made.matchers).decode(), "reason": storable(made.reason)}
        connection.execute(insert(silences).values(**columns))
        payload = {"silence_id": made.silence_id, "matchers": made.matchers, "reason": made.reason, "ends_at": ends_at}
        ledger.append(connection, now, author, "silence_set", payload)
    return made


def release(record: Record, clock: Clock, silence_id: str, actor: str) -> None:
    """End a silence before its time. Raises UsageError when it is not in force."""
    now = clock.now()
    with record.write() as connection:
        if all(silence.silence_id != silence_id for silence in active(connection, now)):
            raise UsageError(f"no silence {silence_id} is in force; `vigil alerts silences` shows those that are")
        connection.execute(update(silences).where(silences.c.silence_id == silence_id).values(released_at=now))
        ledger.append(connection, now, actor, "silence_released", {"silence_id": silence_id})


def active(connection: Connection, now: datetime) -> list[Silence]:
    """Silences in force at `now`, oldest first."""
    query = select(silences).where(
        silences.c.released_at.is_(None),
        silences.c.ends_at > now,
        func.coalesce(silences.c.used_at, silences.c.set_at) > now - UNUSED,
    )
    return [_silence(row) for row in connection.execute(query.order_by(silences.c.set_at))]


def keeping(found: Iterable[Silence], labels: Mapping[str, str]) -> Silence | None:
    """The first of the silences that keeps a page with these labels; None when none does."""
    return next((silence for silence in found if silence.fits(labels)), None)


def note_used(connection: Connection, silence: Silence, now: datetime) -> None:
    """It kept a page."""
    connection.execute(update(silences).where(silences.c.silence_id == silence.silence_id).values(used_at=now))


def _silence(row: Row[Any]) -> Silence:
    return Silence(
        silence_id=row.silence_id,
        matchers=msgspec.json.decode(row.matchers, type=dict[str, str]),
        author=row.author,
        reason=row.reason,
        set_at=row.set_at,
        ends_at=row.ends_at,
        used_at=row.used_at,
        released_at=row.released_at,
    )
