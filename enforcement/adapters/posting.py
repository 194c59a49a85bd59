"""Posting signed JSON within a deadline, and telling "refused" from "not reachable"."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from enforcement.adapters.base import Answer, Delivered, Refused, Unreachable
from enforcement.adapters.signature import HEADER, IDEMPOTENCY_HEADER, sign
from vigil.clock import Clock

REFUSED_STATUS = frozenset({400, 404, 409, 410, 413, 422})
"""The other side understood and will never take this. Every other failure is retried: 401 and 403 mend with a new
key, 429 and 5xx by themselves, an unexpected 3xx or 4xx when somebody corrects the address."""

_LONGEST_WAIT = timedelta(hours=1)
_MOST_BYTES = 64 * 1024
_SHOWN_CHARACTERS = 200


class SignedPoster:
    """Posts to one address. `clock` is the one the receiver's machine shows, also when vigil's own runs faster.

    The deadline covers the whole exchange, connecting and a body that drips included. Connections are not kept:
    a dead one that looks alive costs more than a handshake.
    """

    def __init__(self, url: str, secret: str, clock: Clock, timeout_s: float) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        self._timeout_s = timeout_s
        # Made once, because loading the certificate authorities takes longer than a call; plain http needs none.
        self._tls = ssl.create_default_context() if url.startswith("https:") else False
        self._where = urlsplit(url).netloc.rpartition("@")[2]

    def post(self, idempotency_key: str, document: Any) -> Answer:
        """Send one document; raises nothing."""
        body = msgspec.json.encode(document, order="sorted")
        headers = {
            "Content-Type": "application/json",
            HEADER: sign(self._secret, body, self._clock.now()),
            IDEMPOTENCY_HEADER: idempotency_key,
            "User-Agent": "vigil",
        }
        try:
            return asyncio.run(self._exchange(body, headers))
        except TimeoutError:
            return Unreachable(f"{self._where} did not answer within {self._timeout_s:g} s")
        except httpx.HTTPError as error:
            return Unreachable(f"{self._where} cannot be reached: {str(error) or type(error).__name__}")
        except (OSError, httpx.InvalidURL, ValueError) as error:
            return Unreachable(f"{self._where} cannot be reached: {error}")

    async def _exchange(self, body: bytes, headers: dict[str, str]) -> Answer:
        async with (
            asyncio.timeout(self._timeout_s),
            httpx.AsyncClient(verify=self._tls, timeout=self._timeout_s, trust_env=False) as client,
            client.stream("POST", self._url, content=body, headers=headers) as response,
        ):
            received = b""
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) >= _MOST_BYTES:
                    break
            return self._answer(response, received)

    def _answer(self, response: httpx.Response, received: bytes) -> Answer:
        status = response.status_code
        said = f"{self._where} answered {status}{_shown(received)}"
        if response.is_success:
            return Delivered(said)
        if status in REFUSED_STATUS:
            return Refused(said)
        return Unreachable(said, self._retry_after(response.headers.get("retry-after")))

    def _retry_after(self, header: str | None) -> timedelta | None:
        """Seconds or a date; None for what is neither. Never longer than an hour."""
        if header is None:
            return None
        if header.strip().isdigit():
            wait = timedelta(seconds=min(int(header.strip()[:9]), 86_400))
        else:
            try:
                moment = parsedate_to_datetime(header)
            except ValueError:
                return None
            wait = _utc(moment) - self._clock.now()
        return max(timedelta(0), min(wait, _LONGEST_WAIT))


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _shown(received: bytes) -> str:
    text = " ".join("".join(char if char.isprintable() else " " for char in received.decode(errors="replace")).split())
    return f": {text[:_SHOWN_CHARACTERS]}" if text else ""
