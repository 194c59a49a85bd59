"""The ledger: every decision and what became of it, append-only, each entry sealed by the hash of the next.

`hash` is SHA-256 over the canonical JSON (sorted keys, no spaces) of all other fields, `prev_hash` among them, so a
changed, missing or exchanged entry shows. A chain that was cut off at its end, or rewritten from some entry on by
somebody who recomputed every hash, shows only against a head (`seq` and `hash`) noted outside the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, text

from vigil.effect import LedgerEntry
from vigil.record.incident_rows import storable
from vigil.record.schema import ledger

GENESIS = "0" * 64
"""`prev_hash` of the first entry."""

_PAGE_ROWS = 1_000
_SQLITE_TIME = "%Y-%m-%d %H:%M:%S.%f"
"""How SQLAlchemy stores a time on SQLite."""


class Head(msgspec.Struct, frozen=True):
    """The last entry of the chain, to be noted elsewhere."""

    seq: int
    hash: str


class Verification(msgspec.Struct, frozen=True):
    """What `verify` found: how many entries hold, the head, and the first entry that does not (None: all do)."""

    entries: int
    head: Head
    bad_seq: int | None = None
    problem: str | None = None

    @property
    def ok(self) -> bool:
        """The chain holds from its first entry to its last."""
        return self.problem is None


def append(
    connection: Connection, at: datetime, actor: str, entry_type: str, payload: Mapping[str, Any]
) -> LedgerEntry:
    """Add one entry. Only inside `record.write()`, whose lock keeps `seq` gapless."""
    return extend(connection, at, actor, [(entry_type, payload)])[0]


def extend(
    connection: Connection, at: datetime, actor: str, lines: Iterable[tuple[str, Mapping[str, Any]]]
) -> list[LedgerEntry]:
    """Add entries of one moment and actor, in order. `lines` are (entry type, payload)."""
    return write_lines(connection, at, [(actor, entry_type, payload) for entry_type, payload in lines])


def write_lines(
    connection: Connection, at: datetime, lines: Iterable[tuple[str, str, Mapping[str, Any]]]
) -> list[LedgerEntry]:
    """Add entries of one moment, in order. `lines` are (actor, entry type, payload)."""
    last = head(connection)
    added: list[LedgerEntry] = []
    moment = at.astimezone(UTC)
    for actor, entry_type, payload in lines:
        unsealed = LedgerEntry(
            seq=last.seq + 1,
            at=moment,
            actor=storable(actor)[:256],
            entry_type=entry_type,
            payload=msgspec.json.encode(payload, order="sorted").decode(),
            prev_hash=last.hash,
            hash="",
        )
        entry = msgspec.structs.replace(unsealed, hash=seal(unsealed))
        added.append(entry)
        last = Head(entry.seq, entry.hash)
    if added:
        connection.execute(insert(ledger), [msgspec.structs.asdict(entry) for entry in added])
    return added


def seal(entry: LedgerEntry) -> str:
    """SHA-256 over the canonical JSON of every field but `hash`."""
    fields = msgspec.structs.asdict(entry)
    del fields["hash"]
    fields["at"] = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()


def head(connection: Connection) -> Head:
    """The last entry; seq 0 and the genesis hash when there is none."""
    row = connection.execute(select(ledger.c.seq, ledger.c.hash).order_by(ledger.c.seq.desc()).limit(1)).one_or_none()
    return Head(0, GENESIS) if row is None else Head(row.seq, row.hash)


def entries(
    connection: Connection,
    *,
    after_seq: int = 0,
    entry_type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = 200,
) -> list[LedgerEntry]:
    """Entries after `after_seq`, oldest first; `until` is exclusive."""
    query = select(ledger).where(ledger.c.seq > after_seq).order_by(ledger.c.seq).limit(limit)
    if entry_type is not None:
        query = query.where(ledger.c.entry_type == entry_type)
    if since is not None:
        query = query.where(ledger.c.at >= since)
    if until is not None:
        query = query.where(ledger.c.at < until)
    return [_entry(row) for row in connection.execute(query)]


def latest(connection: Connection, limit: int = 50) -> list[LedgerEntry]:
    """The last entries, newest first."""
    return [_entry(row) for row in connection.execute(select(ledger).order_by(ledger.c.seq.desc()).limit(limit))]


def stream(connection: Connection) -> Iterator[LedgerEntry]:
    """All entries, oldest first, without holding them in memory."""
    after = -(2**63)  # a number that the ledger never gives must show, so the walk does not begin at 1
    while page := entries(connection, after_seq=after, limit=_PAGE_ROWS):
        yield from page
        after = page[-1].seq


def verify(connection: Connection, noted: Head | Iterable[Head] | None = None) -> Verification:
    """Walk the chain from the first entry; stops at the first that was changed, is missing or was moved.

    With `noted`, heads kept elsewhere, the chain must also still contain exactly these entries. On SQLite the stored
    bytes are compared, so that a change that reads the same shows too.
    """
    heads = [] if noted is None else [noted] if isinstance(noted, Head) else list(noted)
    wanted = {head.seq: head.hash for head in heads}
    before: LedgerEntry | None = None
    good = Head(0, GENESIS)
    for seq, entry in _stored(connection):
        if entry is None:
            return Verification(good.seq, good, seq, f"entry {seq} was changed: it is not what the ledger writes")
        problem = _problem(connection, entry, before, good)
        if problem is not None:
            bad_seq, said = problem
            return Verification(good.seq, good, bad_seq, said)
        if entry.hash != wanted.get(entry.seq, entry.hash):
            said = f"entry {entry.seq} is not the one that was noted: the chain was rewritten there or before"
            return Verification(good.seq, good, entry.seq, said)
        before, good = entry, Head(entry.seq, entry.hash)
    last = max(wanted, default=0)
    if last > good.seq:
        said = f"entries {good.seq + 1} to {last} are missing: the chain ended at {last} when it was noted"
        return Verification(good.seq, good, good.seq + 1, said)
    return Verification(good.seq, good)


def _stored(connection: Connection) -> Iterator[tuple[int, LedgerEntry | None]]:
    """Number and entry of every row; None for a row that no writer of the ledger can have written."""
    if connection.dialect.name != "sqlite":
        for entry in stream(connection):
            yield entry.seq, entry
        return
    texts = ("at", "actor", "entry_type", "payload", "prev_hash", "hash")
    columns = ", ".join(f"CAST({name} AS BLOB) AS {name}" for name in texts)
    page = text(f"SELECT seq, {columns} FROM ledger WHERE seq > :after ORDER BY seq LIMIT {_PAGE_ROWS}")  # noqa: S608  (constants)
    after = -(2**63)
    while rows := connection.execute(page, {"after": after}).all():
        for row in rows:
            yield row.seq, _entry_of_bytes(row)
        after = rows[-1].seq


def _entry_of_bytes(row: Row[Any]) -> LedgerEntry | None:
    try:
        at = row.at.decode("ascii")
        moment = datetime.strptime(at, _SQLITE_TIME).replace(tzinfo=UTC)
        if moment.strftime(_SQLITE_TIME) != at:
            return None
        return LedgerEntry(
            seq=row.seq,
            at=moment,
            actor=row.actor.decode(),
            entry_type=row.entry_type.decode(),
            payload=row.payload.decode(),
            prev_hash=row.prev_hash.decode(),
            hash=row.hash.decode(),
        )
    except (ValueError, AttributeError):  # not UTF-8, not a time, not a text at all
        return None


def _problem(
    connection: Connection, entry: LedgerEntry, before: LedgerEntry | None, good: Head
) -> tuple[int, str] | None:
    """(seq, what is wrong) of `entry`, which stands after `before`."""
    expected = good.seq + 1
    if entry.seq > expected:
        many = f"entries {expected} to {entry.seq - 1} are" if entry.seq > expected + 1 else f"entry {expected} is"
        return expected, f"{many} missing"
    if entry.seq < expected:
        return entry.seq, f"entry {entry.seq} has a number that the ledger never gives"
    if seal(entry) != entry.hash:
        origin = _written_as(connection, entry)
        if origin is not None:
            return entry.seq, f"entries were re-ordered: {entry.seq} holds what was written as entry {origin}"
        return entry.seq, f"entry {entry.seq} was changed: its content does not give its hash"
    if entry.prev_hash == good.hash:
        return None
    following = connection.execute(select(ledger.c.prev_hash).where(ledger.c.seq == entry.seq + 1)).scalar_one_or_none()
    if before is not None and following == entry.hash:
        return before.seq, f"entry {before.seq} was rewritten: entry {entry.seq} names another hash before it"
    return entry.seq, f"entry {entry.seq} was rewritten: it does not follow the entry before it"


def _written_as(connection: Connection, entry: LedgerEntry) -> int | None:
    """The number under which exactly this content was sealed; None when there is none."""
    for candidate in range(1, head(connection).seq + 1):
        if seal(msgspec.structs.replace(entry, seq=candidate)) == entry.hash:
            return candidate
    return None


def _entry(row: Row[Any]) -> LedgerEntry:
    return LedgerEntry(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        entry_type=row.entry_type,
        payload=row.payload,
        prev_hash=row.prev_hash,
        hash=row.hash,
    )
