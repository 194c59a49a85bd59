"""Gives every distinct text its vector, and goes on doing so."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from detectors.embed.share import Share
from detectors.embed.texts import PendingText, TextKey, busy_spans, pending_texts, read_ahead
from detectors.encoders import Encoder, Vectors, identity
from vigil.clock import Clock
from vigil.errors import WarehouseUnavailable
from vigil.ids import digest
from vigil.log import get_logger
from vigil.metrics import EMBED_BATCH_SECONDS, EMBED_LAG_SECONDS, TEXTS_EMBEDDED
from vigil.warehouse import Warehouse, migrate

FRESH = timedelta(minutes=30)
"""Events this old or younger are looked at in every pass; older ones only by a sweep."""

SWEEP_EVERY = timedelta(minutes=10)
"""A sweep finds what came late or was left behind while the worker was down."""

SHORTEST_WAIT_S = 0.2
"""Real seconds between two passes, at least: also for a clock that runs 60 times as fast."""

LONGEST_WAIT_S = 60.0
"""Real seconds between two tries while ClickHouse is away, at most."""

_KEYS_AT_A_TIME = 50_000
"""Texts asked for in one query: it groups the span's events each time, and a key takes 100 bytes."""

_COLUMNS = ("tenant_id", "encoder", "event_time", "text_fingerprint", "vec_bytes")

_log = get_logger("embed")


@dataclass(frozen=True)
class Batch:
    """What became of one batch of texts. `without_text`: their bodies are gone or expired, so they get no vector."""

    embedded: int
    without_text: int


@dataclass(frozen=True)
class _Block:
    """Rows ready to be stored, and the token under which storing them twice is storing them once."""

    rows: Sequence[Sequence[object]]
    token: str
    oldest: datetime


class EmbeddingWorker:
    """Asks ClickHouse which texts have no vector of this encoder, embeds them and stores the vectors.

    It keeps no position: what is missing is what has to be done, so a crash, a pause or a new encoder heals itself.
    Several workers with shares 1/n to n/n divide the texts; two with the same share do no harm but work twice.
    One thread uses a worker.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        encoder: Encoder,
        clock: Clock,
        *,
        batch_texts: int = 4_096,
        share: Share = Share(),  # noqa: B008 - frozen
    ) -> None:
        self._warehouse = warehouse
        self._encode = encoder.encode
        self.encoder = identity(encoder)
        self.device = encoder.device
        self._clock = clock
        self._batch_texts = batch_texts
        self._share = share
        self._unconfirmed: _Block | None = None

    def embed(self, since: datetime, until: datetime) -> Iterator[Batch]:
        """Embed the texts of events in [since, until), latest first; yields after each batch is stored.

        Raises WarehouseUnavailable (ask again later: what was stored stays) or WarehouseRejected (the schema or the
        user is wrong).
        """
        self._store_unconfirmed()
        for span in busy_spans(self._warehouse, since, until):
            after: TextKey | None = None
            while pending := pending_texts(
                self._warehouse,
                span,
                encoder=self.encoder,
                share=self._share,
                after=after,
                limit=_KEYS_AT_A_TIME,
            ):
                # In order of time, so that the bodies of a batch lie close together.
                in_time = sorted(pending, key=lambda text: (text.event_time, text.key))
                batches = [in_time[at : at + self._batch_texts] for at in range(0, len(in_time), self._batch_texts)]
                for batch, texts in read_ahead(self._warehouse, batches):
                    yield self._embed(batch, texts)
                if len(pending) < _KEYS_AT_A_TIME:
                    break
                after = pending[-1].key

    def run(self, stop: threading.Event, *, every: timedelta, lookback: timedelta, ahead: timedelta) -> None:
        """Embed what arrives until `stop`: new texts every `every`, what was missed in the last `lookback` by sweeps.

        Events may lie `ahead` of the clock. While ClickHouse is away it waits, longer each time, and goes on by
        itself. Raises WarehouseRejected when the schema or the user is wrong.
        """
        failures = 0
        schema_is_there = False
        sweep: Iterator[Batch] = iter(())
        sweep_due = self._clock.now()
        while not stop.is_set():
            try:
                if not schema_is_there:
                    migrate(self._warehouse)
                    schema_is_there = True
                now = self._clock.now()
                if now >= sweep_due:
                    sweep, sweep_due = self.embed(now - lookback, now - FRESH), now + SWEEP_EVERY
                self._pass(self.embed(now - FRESH, now + ahead), stop)
                swept_all = self._pass(sweep, stop, until=now + every)
                failures = 0
            except WarehouseUnavailable as error:
                # A generator that raised is over: sweep anew.
                failures, sweep_due = failures + 1, self._clock.now()
                wait_s = min(LONGEST_WAIT_S, 2.0 ** min(failures, 10))
                _log.warning("waiting for ClickHouse", error=str(error), again_in_s=wait_s)
                stop.wait(wait_s)
                continue
            if swept_all:
                stop.wait(max(SHORTEST_WAIT_S, self._clock.real_seconds(every)))

    def _pass(self, batches: Iterator[Batch], stop: threading.Event, until: datetime | None = None) -> bool:
        """Work through `batches` until stopped or the time is up; whether all were done."""
        embedded = without_text = 0
        all_done = True
        for batch in batches:
            embedded += batch.embedded
            without_text += batch.without_text
            if stop.is_set() or (until is not None and self._clock.now() >= until):
                all_done = False
                break
        if embedded:
            _log.info("embedded", texts=embedded, without_text=without_text, encoder=self.encoder)
        return all_done

    def _embed(self, pending: Sequence[PendingText], texts: Mapping[TextKey, str]) -> Batch:
        started = time.perf_counter()
        outcome = "error"
        try:
            known = [text for text in pending if text.key in texts]
            if known:
                self._store(known, self._encode([texts[text.key] for text in known]))
            outcome = "ok"
        finally:
            EMBED_BATCH_SECONDS.labels(outcome).observe(time.perf_counter() - started)
        return Batch(len(known), len(pending) - len(known))

    def _store(self, texts: Sequence[PendingText], vectors: Vectors) -> None:
        self._unconfirmed = _Block(
            [
                [text.tenant_id for text in texts],
                [self.encoder] * len(texts),
                [text.event_time for text in texts],
                [text.fingerprint for text in texts],
                bfloat16_bytes(vectors),
            ],
            digest(self.encoder, *(f"{text.event_time} {text.tenant_id} {text.fingerprint}" for text in texts)),
            min(text.event_time for text in texts),
        )
        self._store_unconfirmed()

    def _store_unconfirmed(self) -> None:
        """Store the block at hand; after a lost connection once more under its token, for it may have arrived."""
        if (block := self._unconfirmed) is None:
            return
        # The driver writes into the lists that it is given.
        rows = [list(column) for column in block.rows]
        stored = self._warehouse.insert("embeddings", _COLUMNS, rows, token=block.token)
        self._unconfirmed = None
        TEXTS_EMBEDDED.labels(self.encoder).inc(stored)
        EMBED_LAG_SECONDS.set((self._clock.now() - block.oldest).total_seconds())


def bfloat16_bytes(vectors: Vectors) -> list[bytes]:
    """Each row as little-endian bfloat16 values: the upper halves of its float32 values, rounded to nearest.

    Finite values only; the largest half a unit of float32 would overflow, unit vectors never do.
    """
    bits = np.ascontiguousarray(vectors, np.float32).view(np.uint32)
    halves = ((bits + np.uint32(0x8000)) >> np.uint32(16)).astype("<u2")
    return [row.tobytes() for row in halves]
