"""The dead letters: look at them, and give them another try once the cause is mended."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from ingest.enrich.addresses import load_hash_key
from ingest.files import source_name
from ingest.origin import Origin
from ingest.outcome import Accepted, DeadLetter
from ingest.pipeline import Pipeline
from ingest.writer import EventWriter
from vigil.clock import Clock
from vigil.errors import UsageError
from vigil.ids import digest
from vigil.settings import Settings
from vigil.warehouse import Warehouse

REQUEUE_ROWS = 1_000
"""Letters given another try at once; their bytes are held in memory."""

_MEANT = """
FROM dead_letters
WHERE ({any_id:String} = 'yes' OR dead_letter_id IN {ids:Array(UUID)}) AND at >= {since:DateTime64(6, 'UTC')}
  AND ({error_class:String} = '' OR error_class = {error_class:String})
  AND ({topic:String} = '' OR kafka_topic = {topic:String})
"""

_LIST = f"""
SELECT dead_letter_id, at, kafka_topic, kafka_partition, kafka_offset, kafka_index, file, line, error_class, reason, dialect,
       code_version, length(raw)
{_MEANT}
ORDER BY at DESC, dead_letter_id LIMIT {{most:UInt32}}
"""

_IDS = f"SELECT dead_letter_id {_MEANT} ORDER BY at, dead_letter_id"

_REMEMBER = """
INSERT INTO requeued_letters
    (dead_letter_id, requeued_at, at, kafka_topic, kafka_partition, kafka_offset, kafka_index, file, line, error_class, reason)
SELECT dead_letter_id, {now:DateTime64(6, 'UTC')}, at, kafka_topic, kafka_partition, kafka_offset, kafka_index, file, line,
       error_class, reason
FROM dead_letters WHERE dead_letter_id IN {ids:Array(UUID)}
"""

_FORGET = "DELETE FROM dead_letters WHERE dead_letter_id IN {ids:Array(UUID)}"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter without its bytes."""

    dead_letter_id: uuid.UUID
    at: datetime
    origin: Origin
    error_class: str
    reason: str
    dialect: str
    code_version: str
    size_bytes: int


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters are meant; what is None does not limit."""

    ids: tuple[uuid.UUID, ...] | None = None
    error_class: str | None = None
    topic: str | None = None
    since: datetime | None = None

    def parameters(self) -> dict[str, Any]:
        """What the queries bind."""
        return {
            "any_id": "yes" if self.ids is None else "no",
            "ids": [str(identifier) for identifier in self.ids or ()],
            "error_class": self.error_class or "",
            "topic": self.topic or "",
            "since": self.since or _EPOCH,
        }


class Requeued(msgspec.Struct, frozen=True):
    """What a second try came to."""

    tried: int
    accepted: int
    still_bad: dict[str, int]
    """Error class → letters that stay."""


def list_letters(warehouse: Warehouse, which: Filter, *, limit: int) -> list[Letter]:
    """The newest letters first."""
    rows = warehouse.query(_LIST, {**which.parameters(), "most": limit})
    return [_letter(row) for row in rows]


def find_letter(warehouse: Warehouse, dead_letter_id: uuid.UUID) -> tuple[Letter, bytes]:
    """One letter and its bytes. Raises UsageError when there is none of that id."""
    letters = list_letters(warehouse, Filter(ids=(dead_letter_id,)), limit=1)
    if not letters:
        raise UsageError(f"no dead letter has the id {dead_letter_id}; see `vigil deadletters list`")
    return letters[0], _bytes_of(warehouse, letters)[dead_letter_id]


def requeue(warehouse: Warehouse, which: Filter, settings: Settings, clock: Clock) -> Requeued:
    """Run letters through the pipeline again and write what is accepted now; the others stay as they are.

    An accepted letter moves from `dead_letters` to `requeued_letters`, after its event is stored: a crash in between
    leaves it to be tried again. Event times are judged as of now.
    """
    retry = _Retry(warehouse, settings, clock)
    tried = accepted = 0
    still_bad: dict[str, int] = {}
    for letters in _pages(warehouse, which):
        tried += len(letters)
        done, bad = retry.run(letters)
        accepted += done
        for error_class in bad:
            still_bad[error_class] = still_bad.get(error_class, 0) + 1
    return Requeued(tried, accepted, still_bad)


def _pages(warehouse: Warehouse, which: Filter) -> Iterator[list[Letter]]:
    """All letters that `which` means now, in pages; those written meanwhile are not among them."""
    ids = [identifier for (identifier,) in warehouse.query(_IDS, which.parameters())]
    for start in range(0, len(ids), REQUEUE_ROWS):
        page = tuple(ids[start : start + REQUEUE_ROWS])
        yield list_letters(warehouse, Filter(ids=page), limit=REQUEUE_ROWS)


class _Retry:
    def __init__(self, warehouse: Warehouse, settings: Settings, clock: Clock) -> None:
        key = load_hash_key(settings)
        self._warehouse = warehouse
        self._writer = EventWriter(warehouse)
        self._clock = clock
        self._of_files = Pipeline(settings, clock, trust_tenant=True, hash_key=key)
        self._of_topics = Pipeline(settings, clock, trust_tenant=settings.ingest.trust_payload_tenant, hash_key=key)

    def run(self, letters: Sequence[Letter]) -> tuple[int, list[str]]:
        """How many letters were accepted, and the error class of each that was not."""
        raws = _bytes_of(self._warehouse, letters)
        now = self._clock.now()
        accepted: list[Accepted] = []
        done: list[Letter] = []
        still_bad: list[str] = []
        for letter in letters:
            pipeline = self._of_files if letter.origin.file else self._of_topics
            outcomes = pipeline.accept(raws[letter.dead_letter_id], letter.origin, letter.dialect, now=now)
            refusals = [outcome for outcome in outcomes if isinstance(outcome, DeadLetter)]
            if refusals:
                still_bad.append(refusals[0].error_class)
            else:
                done.append(letter)
                accepted += [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
        if done:
            self._move(done, accepted, now)
        return len(done), still_bad

    def _move(self, letters: Sequence[Letter], accepted: Sequence[Accepted], now: datetime) -> None:
        ids = sorted(str(letter.dead_letter_id) for letter in letters)
        self._writer.write(accepted, [], token=f"requeue:{digest(*ids)}")
        self._warehouse.query(_REMEMBER, {"ids": ids, "now": now})
        self._warehouse.query(_FORGET, {"ids": ids})


def _bytes_of(warehouse: Warehouse, letters: Sequence[Letter]) -> dict[uuid.UUID, bytes]:
    """The raw bytes, as hexadecimal digits on the way because they need not be text."""
    rows = warehouse.query(
        "SELECT dead_letter_id, hex(raw) FROM dead_letters WHERE dead_letter_id IN {ids:Array(UUID)}",
        {"ids": [str(letter.dead_letter_id) for letter in letters]},
    )
    return {identifier: bytes.fromhex(text) for identifier, text in rows}


def _letter(row: tuple[Any, ...]) -> Letter:
    (dead_letter_id, at, topic, partition, offset, index, file, line, error_class, reason, dialect, version, size) = row
    source = source_name(Path(file)) if file else topic
    return Letter(
        dead_letter_id=dead_letter_id,
        at=at,
        origin=Origin(topic, partition, offset, file, line, source, index),
        error_class=error_class,
        reason=reason,
        dialect=dialect,
        code_version=version,
        size_bytes=size,
    )
