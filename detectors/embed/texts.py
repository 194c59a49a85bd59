"""Which texts have no vector yet, and what they say: asked of ClickHouse, answered where the data is."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from detectors.embed.share import Share
from detectors.encoders.base import HALF_CHARS, MAX_TEXT_CHARS
from vigil.warehouse import Warehouse

EVENTS_A_SPAN = 1_000_000
"""Events whose texts are grouped in one query, unless a single hour has more: about 100 MB in ClickHouse."""

TextKey = tuple[str, int]
"""A text: its tenant and fingerprint."""


@dataclass(frozen=True)
class Span:
    """Event times from `since` up to and without `until`, all of one UTC day."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class PendingText:
    """A text without a vector, with the first event of the span that has it."""

    tenant_id: str
    fingerprint: int
    event_id: uuid.UUID
    event_time: datetime

    @property
    def key(self) -> TextKey:
        """What the text is known by."""
        return self.tenant_id, self.fingerprint


_OURS = """
event_time >= {since:DateTime64(6, 'UTC')} AND event_time < {until:DateTime64(6, 'UTC')}
AND text_fingerprint != 0 AND text_fingerprint % {of:UInt64} = {remainder:UInt64}
AND (text_fingerprint, tenant_id) > ({after_fingerprint:UInt64}, {after_tenant:String})
"""

_HOURS = """
SELECT toStartOfHour(event_time) AS hour, count()
FROM events
WHERE event_time >= {since:DateTime64(6, 'UTC')} AND event_time < {until:DateTime64(6, 'UTC')} AND text_fingerprint != 0
GROUP BY hour
ORDER BY hour DESC
"""

# The inner `IN` keeps the set of texts that have a vector no larger than the span's own texts.
_PENDING = f"""
SELECT tenant_id, text_fingerprint, argMin(event_id, (event_time, event_id)), min(event_time)
FROM events
WHERE {_OURS} AND (tenant_id, text_fingerprint) NOT IN (
    SELECT tenant_id, text_fingerprint
    FROM embeddings
    WHERE encoder = {{encoder:String}}
      AND event_time >= {{day:DateTime64(6, 'UTC')}} AND event_time < {{next_day:DateTime64(6, 'UTC')}}
      AND text_fingerprint IN (SELECT text_fingerprint FROM events WHERE {_OURS})
)
GROUP BY tenant_id, text_fingerprint
ORDER BY text_fingerprint, tenant_id
LIMIT {{most:UInt64}}
"""  # noqa: S608 - a constant

# A body holds a plain text or a conversation as JSON. Which one cannot be told for sure (somebody may type JSON), so
# both readings are tried and the fingerprint decides: it is computed as in the table `events`.
_TEXTS = """
WITH
    JSONExtract(input, 'Array(Tuple(role String, content Nullable(String)))') AS turns,
    arrayLast(turn -> turn.role = 'user' AND turn.content != '', turns).content AS last_turn,
    replaceRegexpAll(text, '\\\\s+', ' ') AS collapsed
SELECT
    tenant_id,
    sipHash64(splitByWhitespace(lowerUTF8(text))) AS fingerprint,
    multiIf(
        lengthUTF8(text) <= {most:UInt64}, text,
        lengthUTF8(collapsed) <= {most:UInt64}, collapsed,
        concat(leftUTF8(collapsed, {half:UInt64}), ' ', rightUTF8(collapsed, {half:UInt64}))
    )
FROM bodies
ARRAY JOIN [input, ifNull(last_turn, '')] AS text
WHERE tenant_id IN {tenants:Array(String)} AND event_id IN {event_ids:Array(UUID)}
  AND event_time >= {first:DateTime64(6, 'UTC')} AND event_time <= {last:DateTime64(6, 'UTC')}
  AND fingerprint IN {fingerprints:Array(UInt64)}
LIMIT 1 BY tenant_id, fingerprint
"""


def busy_spans(warehouse: Warehouse, since: datetime, until: datetime) -> list[Span]:
    """[since, until) as far as there are events in it, the latest first: fresh texts must not wait for a backlog."""
    rows = warehouse.query(_HOURS, {"since": since, "until": until})
    return [Span(max(span.since, since), min(span.until, until)) for span in joined(rows)]


def joined(hours: Iterable[tuple[datetime, int]]) -> Iterator[Span]:
    """Hours and their numbers of events, latest first, joined into spans of one day and `EVENTS_A_SPAN` or one hour."""
    current: Span | None = None
    events = 0
    for hour, more in hours:
        if current and hour.date() == current.since.date() and events + more <= EVENTS_A_SPAN:
            current, events = Span(hour, current.until), events + more
            continue
        if current:
            yield current
        current, events = Span(hour, hour + timedelta(hours=1)), more
    if current:
        yield current


def pending_texts(
    warehouse: Warehouse, span: Span, *, encoder: str, share: Share, after: TextKey | None, limit: int
) -> list[PendingText]:
    """Up to `limit` texts of `span` that have no vector of `encoder` on this day, by fingerprint, those beyond `after`."""
    day = span.since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    after_tenant, after_fingerprint = after or ("", 0)
    rows = warehouse.query(
        _PENDING,
        {
            "since": span.since,
            "until": span.until,
            "day": day,
            "next_day": day + timedelta(days=1),
            "of": share.of,
            "remainder": share.number - 1,
            "encoder": encoder,
            "after_fingerprint": after_fingerprint,
            "after_tenant": after_tenant,
            # Not `limit`: ClickHouse would take a parameter of that name for its setting.
            "most": limit,
        },
    )
    return [PendingText(*row) for row in rows]


def read_texts(warehouse: Warehouse, pending: Sequence[PendingText]) -> Mapping[TextKey, str]:
    """What the pending texts say, as far as their bodies are still there; of very long ones the two ends."""
    if not pending:
        return {}
    times = [text.event_time for text in pending]
    rows = warehouse.query(
        _TEXTS,
        {
            "tenants": sorted({text.tenant_id for text in pending}),
            "event_ids": [str(text.event_id) for text in pending],
            "fingerprints": [text.fingerprint for text in pending],
            "first": min(times),
            "last": max(times),
            "most": MAX_TEXT_CHARS,
            "half": HALF_CHARS,
        },
    )
    return {(tenant, fingerprint): text for tenant, fingerprint, text in rows}


def read_ahead(
    warehouse: Warehouse, batches: Sequence[Sequence[PendingText]]
) -> Iterator[tuple[Sequence[PendingText], Mapping[TextKey, str]]]:
    """Each batch with what its texts say; the next one is read in a thread while the caller works on this one."""
    if len(batches) == 1:
        yield batches[0], read_texts(warehouse, batches[0])
        return
    with ThreadPoolExecutor(1, "embed-read") as reader:
        try:
            reading = reader.submit(read_texts, warehouse, batches[0])
            for batch, following in zip(batches, [*batches[1:], ()], strict=True):
                texts = reading.result()
                reading = reader.submit(read_texts, warehouse, following)
                yield batch, texts
        finally:
            # The connection is the thread's own.
            reader.submit(warehouse.close).result()
