"""A request's body, within its limits: on the wire, after decompression, and in time."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator

from ingest.receiver.refusal import Refusal
from vigil.settings import ReceiveSettings

_GZIP_WINDOW = 16 + zlib.MAX_WBITS


async def read_body(chunks: AsyncIterator[bytes], encoding: str, settings: ReceiveSettings) -> bytes:
    """The decompressed body. Raises Refusal: 408, 413, 415 or 400.

    A body is counted while it arrives and while it is decompressed: at no time is more held than the limits allow.
    """
    encoding = encoding.strip().lower() or "identity"
    if encoding not in ("identity", "gzip"):
        raise Refusal(415, f"content-encoding {encoding[:32]!r} is not read here; send gzip or none")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            async for chunk in chunks:
                size += len(chunk)
                if size > settings.max_body_bytes:
                    raise Refusal(
                        413, f"the body has more than {settings.max_body_bytes:,} bytes; send smaller batches"
                    )
                parts.append(chunk)
    except TimeoutError:
        raise Refusal(408, f"the body did not arrive within {settings.body_timeout_s:.0f} s") from None
    body = b"".join(parts)
    return decompressed(body, settings.max_decompressed_bytes) if encoding == "gzip" else body


def decompressed(body: bytes, max_bytes: int) -> bytes:
    """The content of a gzip body, of all its members. Raises Refusal, having made at most `max_bytes` of it."""
    made: list[bytes] = []
    left = max_bytes
    rest = body
    while True:
        reader = zlib.decompressobj(_GZIP_WINDOW)
        try:
            part = reader.decompress(rest, left + 1)
        except zlib.error:
            raise Refusal(400, "the body is not valid gzip, though content-encoding says so") from None
        left -= len(part)
        if left < 0:
            raise Refusal(413, f"the decompressed body has more than {max_bytes:,} bytes; send smaller batches")
        if not reader.eof:
            raise Refusal(400, "the gzip body ends in the middle; send it whole")
        made.append(part)
        rest = reader.unused_data
        if not rest:
            return b"".join(made)
