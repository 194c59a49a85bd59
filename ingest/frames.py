"""Whether a Zstandard file is whole.

The reader of the zstandard package ends quietly where a truncated file does, as if nothing were missing. The frame
format (RFC 8878, section 3.1.1) says where each frame ends without decompressing it.
"""

from __future__ import annotations

from typing import BinaryIO

import zstandard

_SKIPPABLE = b"\x2a\x4d\x18"
_HEADER_BYTES = 18
_CHECKSUM_BYTES = 4
_RUN_LENGTH_BLOCK = 1


def is_whole(file: BinaryIO, size_bytes: int) -> bool:
    """Whether the file consists of complete frames; reads only their headers."""
    position = 0
    while position < size_bytes:
        end = _end_of_frame(file, position)
        if end is None or end > size_bytes:
            return False
        position = end
    return True


def _end_of_frame(file: BinaryIO, position: int) -> int | None:
    """Where the frame at `position` ends; None when its headers are cut off."""
    file.seek(position)
    header = file.read(_HEADER_BYTES)
    if header[1:4] == _SKIPPABLE:
        return position + 8 + int.from_bytes(header[4:8], "little")
    try:
        parameters = zstandard.get_frame_parameters(header)
        position += zstandard.frame_header_size(header)
    except zstandard.ZstdError:
        return None
    last = False
    while not last:
        file.seek(position)
        block = file.read(3)
        if len(block) < 3:
            return None
        value = int.from_bytes(block, "little")
        last = bool(value & 1)
        position += 3 + (1 if value >> 1 & 3 == _RUN_LENGTH_BLOCK else value >> 3)
    return position + (_CHECKSUM_BYTES if parameters.has_checksum else 0)
