"""One HTTP exchange within a deadline, and telling "refused" from "not reachable"."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
import msgspec

from enforcement.adapters.base import Answer, Delivered, Refused, Unreachable
from vigil.clock import Clock

REFUSED_STATUS = frozenset({400, 404, 409, 410, 413, 422})
"""The other side understood and will never take this. Every other failure is retried: 401 and 403 mend with a new
key, 429 and 5xx by themselves, an unexpected 3xx or 4xx when somebody corrects the address."""

MOST_BYTES = 64 * 1024
"""Bytes of an answer that are read when only its status matters."""

_LONGEST_WAIT = timedelta(hours=1)
_SHOWN_CHARACTERS = 200


class Reply(msgspec.Struct, frozen=True):
    """What came back. `whole` is False when the body was longer than the caller wanted to read."""

    status: int
    body: bytes
    whole: bool
    retry_after: timedelta | None

    @property
    def is_success(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300


class Caller:
    """Calls one server. `clock` is the one the other machine shows, also when vigil's own runs faster.

    The deadline covers the whole exchange, connecting and a body that drips included. Connections are not kept: a dead
    one that looks alive costs more than a handshake. Redirects are not followed: whoever holds a key must not be sent
    elsewhere with it.
    """

    def __init__(self, url: str, clock: Clock, timeout_s: float) -> None:
        self._clock = clock
        self.timeout_s = timeout_s
        # Made once, because loading the certificate authorities takes longer than a call; plain http needs none.
        self._tls = ssl.create_default_context() if url.startswith("https:") else False
        self.where = urlsplit(url).netloc.rpartition("@")[2]

    def call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        most_bytes: int = MOST_BYTES,
        timeout_s: float | None = None,
    ) -> Reply | Unreachable:
        """One request; raises nothing. `timeout_s`: what is left of a longer conversation's deadline."""
        deadline = self.timeout_s if timeout_s is None else timeout_s
        try:
            return asyncio.run(self._exchange(method, url, headers, body, most_bytes, deadline))
        except TimeoutError:
            return Unreachable(f"{self.where} did not answer within {self.timeout_s:g} s")
        except httpx.HTTPError as error:
            return Unreachable(f"{self.where} cannot be reached: {str(error) or type(error).__name__}")
        except (OSError, httpx.InvalidURL, ValueError) as error:
            return Unreachable(f"{self.where} cannot be reached: {error}")

    def answer(self, reply: Reply | Unreachable) -> Answer:
        """A reply as an answer: what its status means."""
        if isinstance(reply, Unreachable):
            return reply
        said = f"{self.where} answered {reply.status}{_shown(reply.body)}"
        if reply.is_success:
            return Delivered(said)
        if reply.status in REFUSED_STATUS:
            return Refused(said)
        return Unreachable(said, reply.retry_after)

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, most_bytes: int, deadline: float
    ) -> Reply:
        async with (
            asyncio.timeout(deadline),
            httpx.AsyncClient(verify=self._tls, timeout=deadline, trust_env=False) as client,
            client.stream(method, url, content=body, headers={"User-Agent": "vigil", **headers}) as response,
        ):
            received, whole = bytearray(), True
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) >= most_bytes:
                    whole = False
                    break
            wait = self._retry_after(response.headers.get("retry-after"))
            return Reply(response.status_code, bytes(received), whole, wait)

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
