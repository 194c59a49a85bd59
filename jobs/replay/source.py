"""Files of events as one stream in the order in which the events arrive."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from ingest.files import source_name
from ingest.lines import LineReader, open_lines
from ingest.origin import Origin
from ingest.outcome import Accepted, DeadLetter
from ingest.pipeline import Pipeline
from jobs.replay.arrange import Arranger, Arrival
from vigil.clock import Clock
from vigil.errors import UsageError
from vigil.settings import IngestSettings, Settings

_AT_ONCE = datetime.min.replace(tzinfo=UTC)
_NO_LIMIT_DAYS = 40_000.0


class ReplayRange(msgspec.Struct, frozen=True):
    """Event times to replay: since ≤ t < until; None = no limit."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether `moment` lies in it."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


class ReplaySource:
    """Reads files through the ingest pipeline. Iterate once, inside `with`.

    `read` counts payloads (one a line), those outside the range left out. A file that is damaged in the middle is
    read up to there; `damage` then says where.
    """

    def __init__(
        self, paths: Sequence[Path], settings: Settings, machine: Clock, hash_key: bytes, within: ReplayRange
    ) -> None:
        self._paths = paths
        self._settings = settings.ingest
        self._now = machine.now()
        self._within = within
        # Ages are judged by the arranger, against the file's own time; the future by the machine's clock.
        lenient = settings.model_copy(
            update={"ingest": settings.ingest.model_copy(update={"max_age_days": _NO_LIMIT_DAYS})}
        )
        self._pipeline = Pipeline(lenient, machine, trust_tenant=True, hash_key=hash_key)
        self._stack = ExitStack()
        self._readers: list[LineReader] = []
        self.read = 0
        self.damage: UsageError | None = None

    def __enter__(self) -> ReplaySource:
        with ExitStack() as stack:
            limit = self._settings.max_event_bytes
            self._readers = [stack.enter_context(open_lines(path, max_bytes=limit)) for path in self._paths]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def bytes_read(self) -> int:
        """How far all files have been read; 0 when one is a pipe, which cannot tell."""
        try:
            return sum(reader.bytes_read() for reader in self._readers)
        except OSError:
            return 0

    def __iter__(self) -> Iterator[Arrival | DeadLetter]:
        """Arrivals in order of time; dead letters as they are found. Of two files at one moment the first goes first."""
        streams = [
            self._keyed(number, path, reader)
            for number, (path, reader) in enumerate(zip(self._paths, self._readers, strict=True))
        ]
        for _, _, _, one in heapq.merge(*streams):
            yield one

    def _keyed(
        self, number: int, path: Path, reader: LineReader
    ) -> Iterator[tuple[datetime, int, int, Arrival | DeadLetter]]:
        # A dead letter overtakes everything: it has no place in time, and must not pile up behind what has.
        for count, one in enumerate(self._arranged(path, reader)):
            yield (one.at if isinstance(one, Arrival) else _AT_ONCE), number, count, one

    def _arranged(self, path: Path, reader: LineReader) -> Iterator[Arrival | DeadLetter]:
        arranger = Arranger(*limits(self._settings))
        for outcome in self._outcomes(path, reader):
            if isinstance(outcome, DeadLetter):
                yield outcome
            else:
                yield from arranger.feed(outcome)
        yield from arranger.finish()

    def _outcomes(self, path: Path, reader: LineReader) -> Iterator[Accepted | DeadLetter]:
        source = source_name(path)
        try:
            for number, raw in reader:
                origin = Origin(file=str(path), line=number, source=source)
                for outcome in self._pipeline.accept(raw, origin, now=self._now):
                    if isinstance(outcome, DeadLetter) or self._within.holds(outcome.event.event_time):
                        self.read += 1
                        yield outcome
        except UsageError as error:
            self.damage = self.damage or error


def limits(settings: IngestSettings) -> tuple[timedelta, timedelta]:
    """How far an event may lie before and after the events around it."""
    return timedelta(days=settings.max_age_days), timedelta(minutes=settings.max_future_minutes)
