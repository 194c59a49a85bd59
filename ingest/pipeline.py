"""One raw payload in, accepted events and dead letters out. Pure: no I/O, and no input makes it raise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

import ingest.dialects  # noqa: F401  (registers them)
from ingest.dialects.base import Dialect
from ingest.dialects.registry import get_dialect
from ingest.normalise import Normaliser
from ingest.origin import Origin
from ingest.outcome import Accepted, DeadLetter
from ingest.payload import check_size
from ingest.times import Window, window
from vigil.clock import Clock
from vigil.errors import BadEvent
from vigil.settings import Settings


class Pipeline:
    """Checks, normalises and redacts payloads.

    `trust_tenant`: payloads may name their own tenant (files, and topics configured so). `hash_key`: of addresses,
    see `ingest.enrich.addresses.load_hash_key`.
    """

    def __init__(self, settings: Settings, clock: Clock, *, trust_tenant: bool, hash_key: bytes) -> None:
        self._settings = settings.ingest
        self._clock = clock
        self._normaliser = Normaliser(settings.ingest, hash_key, trust_tenant=trust_tenant)
        self._window: tuple[datetime, Window] | None = None

    def accept(
        self, raw: bytes, origin: Origin, dialect: str = "canonical", *, now: datetime | None = None
    ) -> tuple[Accepted | DeadLetter, ...]:
        """What becomes of `raw`: at least one outcome, in the payload's order.

        `now` (default: the clock's) is the moment against which event times are judged and which becomes
        `received_at`; a range of records that is processed again is given the moment of the first time, so that it
        decides the same. Raises ConfigError for an unknown dialect, and nothing for any bytes.
        """
        at = self._clock.now() if now is None else now
        reader = get_dialect(dialect)
        try:
            check_size(raw, self._settings.max_event_bytes)
            wires = reader.decode(raw)
        except BadEvent as error:
            return (_dead(raw, origin, at, error, dialect),)
        outcomes: list[Accepted | DeadLetter] = []
        allowed = self._allowed(at)
        parts: Sequence[bytes] | None = None
        for number, wire in enumerate(wires):
            place = origin if number == 0 else msgspec.structs.replace(origin, index=origin.index + number)
            try:
                if isinstance(wire, BadEvent):
                    raise wire
                event = self._normaliser.event(wire, raw, place, allowed, authenticated=reader.authenticated)
                outcomes.append(Accepted(event, place, at, raw, dialect))
            except BadEvent as error:
                if parts is None:
                    parts = _parts(reader, raw, len(wires))
                outcomes.append(_dead(parts[number], place, at, error, dialect))
        return tuple(outcomes)

    def _allowed(self, at: datetime) -> Window:
        """The accepted event times at `at`, kept for as long as `at` stays the same (a batch)."""
        if self._window is None or self._window[0] != at:
            self._window = (at, window(at, self._settings.max_age_days, self._settings.max_future_minutes))
        return self._window[1]


def _parts(reader: Dialect, raw: bytes, events: int) -> Sequence[bytes]:
    """The payload of each event alone: a second try at a bad one must not repeat its good neighbours."""
    return (raw,) if events == 1 else reader.parts(raw)


def _dead(raw: bytes, origin: Origin, at: datetime, error: BadEvent, dialect: str) -> DeadLetter:
    return DeadLetter(raw=raw, origin=origin, at=at, error_class=error.error_class, reason=str(error), dialect=dialect)
