"""Files read, checked and put in order by a process of their own, so that this takes no time from looking.

The process sends batches; it is at most two batches ahead, so memory does not grow with the file.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from ingest.outcome import DeadLetter
from jobs.replay.arrange import Arrival
from jobs.replay.source import ReplayRange, ReplaySource
from vigil import log
from vigil.clock import SimulatedClock
from vigil.errors import DependencyError, UsageError
from vigil.local.child import die_with_parent
from vigil.settings import IngestSettings, Settings

BATCH_ITEMS = 2_000
BATCH_BYTES = 8 * 2**20
_LENGTH = struct.Struct("<Q")
_PATIENCE_S = 10.0
"""How long a process that was told to end may take."""


class Batch(msgspec.Struct, frozen=True, gc=False):
    """What the process sends: dead letters have no place in time and go first. The counts are those of the source."""

    arrivals: list[Arrival] = []
    dead: list[DeadLetter] = []
    read: int = 0
    bytes_read: int = 0
    damage: str | None = None
    failure: str | None = None
    last: bool = False


class _Task(msgspec.Struct, frozen=True):
    """What the process is told. Of the settings it needs those of ingest."""

    paths: list[str]
    ingest: dict[str, Any]
    now: datetime
    hash_key: bytes
    within: ReplayRange


class RemoteSource:
    """Reads like `ReplaySource`, in a process of its own. Iterate once, inside `with`.

    The process is started early, by `with`: it loads its code while the caller starts its servers, and reads from
    `begin` on. Iterating raises UsageError as the source does, DependencyError when the process was killed.
    """

    def __init__(self) -> None:
        self.read = 0
        self.damage: UsageError | None = None
        self._bytes_read = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process, inside `with`."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> RemoteSource:
        # A module of its own and no fork: whatever program replays, its own start is not run again.
        command = [sys.executable, "-P", "-m", __name__, str(os.getpid())]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def begin(
        self, paths: Sequence[Path], settings: Settings, now: datetime, hash_key: bytes, within: ReplayRange
    ) -> None:
        """Say what to read; `now` is the present, beyond which no event may lie."""
        assert self._process is not None
        assert self._process.stdin is not None
        ingest = settings.ingest.model_dump(mode="json")
        try:
            _send(self._process.stdin, _Task([str(path) for path in paths], ingest, now, hash_key, within))
        except BrokenPipeError:
            raise self._ended() from None

    def bytes_read(self) -> int:
        """How far all files had been read when the last batch was sent."""
        return self._bytes_read

    def __iter__(self) -> Iterator[Arrival | DeadLetter]:
        assert self._process is not None
        assert self._process.stdout is not None
        decoder = msgspec.msgpack.Decoder(Batch)
        while True:
            message = _receive(self._process.stdout)
            if message is None:
                raise self._ended()
            batch = decoder.decode(message)
            if batch.failure is not None:
                raise UsageError(batch.failure)
            self.read, self._bytes_read = batch.read, batch.bytes_read
            yield from batch.dead
            yield from batch.arrivals
            if batch.last:
                self.damage = UsageError(batch.damage) if batch.damage is not None else None
                return

    def _ended(self) -> DependencyError:
        assert self._process is not None
        status = self._process.wait(_PATIENCE_S)
        return DependencyError(
            f"the process that reads the files ended (status {status}) before they did; start the replay again, with"
            " more memory if it was killed for that"
        )


def _serve(tasks: IO[bytes], results: IO[bytes]) -> None:
    """The process: waits for what to read, sends batches."""
    message = _receive(tasks)
    if message is None:
        return
    task = msgspec.msgpack.decode(message, type=_Task)
    settings = Settings.model_construct(ingest=IngestSettings.model_validate(task.ingest))
    paths = [Path(path) for path in task.paths]
    try:
        with ReplaySource(paths, settings, SimulatedClock(task.now), task.hash_key, task.within) as source:
            for batch in _batches(source):
                _send(results, batch)
    except UsageError as error:
        _send(results, Batch(failure=str(error)))


def _send(stream: IO[bytes], value: msgspec.Struct) -> None:
    data = msgspec.msgpack.encode(value)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes | None:
    """The next message; None when the other side has ended, in the middle of one or between two."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


def _batches(source: ReplaySource) -> Iterator[Batch]:
    arrivals: list[Arrival] = []
    dead: list[DeadLetter] = []
    size = 0
    for one in source:
        if isinstance(one, DeadLetter):
            dead.append(one)
            size += len(one.raw)
        else:
            arrivals.append(one)
            size += len(one.item.raw)
        if len(arrivals) + len(dead) >= BATCH_ITEMS or size >= BATCH_BYTES:
            yield Batch(arrivals, dead, source.read, source.bytes_read())
            arrivals, dead, size = [], [], 0
    damage = str(source.damage) if source.damage is not None else None
    yield Batch(arrivals, dead, source.read, source.bytes_read(), damage, last=True)


if __name__ == "__main__":
    # Ctrl-C goes to the whole group; the parent decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(signal.SIGTERM, int(sys.argv[1]))
    # The parent may have what it wanted and be gone.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # To standard error: standard output carries the batches.
    log.configure("warning")
    _serve(sys.stdin.buffer, sys.stdout.buffer)
