"""Lines of JSON files, plain, gzip or Zstandard (told by their first bytes), read one by one and never held whole."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from ingest.frames import is_whole
from vigil.errors import UsageError

_GZIP = b"\x1f\x8b"
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_SKIP_BYTES = 2**20


class LineReader:
    """An open file of lines; iterate it once."""

    def __init__(
        self, path: Path, file: BinaryIO, text: BinaryIO, max_bytes: int, is_whole: Callable[[], bool]
    ) -> None:
        self._path = path
        self._is_whole = is_whole
        self._file = file
        self._text = text
        self._max_bytes = max_bytes

    def bytes_read(self) -> int:
        """How far the file itself (compressed, if it is) has been read."""
        return self._file.tell()

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """(line number from 1, bytes without the line end) of every line that is not blank.

        A line longer than the limit is cut one byte after it: enough to be refused as too large. Raises UsageError
        where the compression is damaged; the lines before that place have been given out.
        """
        number = 0
        try:
            while line := self._text.readline(self._max_bytes + 2):
                number += 1
                if not line.endswith(b"\n"):
                    self._skip_rest_of_line()
                line = line.rstrip(b"\r\n")[: self._max_bytes + 1]
                if line and not line.isspace():
                    yield number, line
            if not self._is_whole():
                raise EOFError("it ends in the middle of a frame")
        except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
            raise UsageError(
                f"{self._path} is damaged after line {number}: {error}; the lines before it were read,"
                " restore the file for the rest"
            ) from error

    def _skip_rest_of_line(self) -> None:
        while (part := self._text.readline(_SKIP_BYTES)) and not part.endswith(b"\n"):
            pass


@contextmanager
def open_lines(path: Path, *, max_bytes: int) -> Iterator[LineReader]:
    """Open a file for reading its lines. Raises UsageError when it cannot be opened."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            start = file.peek(4)[:4]
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from error
        if start.startswith(_GZIP):
            text = cast(BinaryIO, stack.enter_context(gzip.open(file)))
            yield LineReader(path, file, text, max_bytes, _always)
        elif start == _ZSTANDARD:
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)
            text = cast(BinaryIO, stack.enter_context(io.BufferedReader(cast(io.RawIOBase, reader), 2**20)))
            yield LineReader(path, file, text, max_bytes, lambda: is_whole(file, path.stat().st_size))
        else:
            yield LineReader(path, file, file, max_bytes, _always)


def _always() -> bool:
    return True
