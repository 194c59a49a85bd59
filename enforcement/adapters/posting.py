"""Posting signed JSON to one address, and reading from one with the same signature."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec

from enforcement.adapters.base import Answer, Unreachable
from enforcement.adapters.calling import Caller, Reply
from enforcement.adapters.signature import HEADER, IDEMPOTENCY_HEADER, sign
from vigil.clock import Clock

_MOST_BYTES_OF_A_LIST = 64 * 2**20


class SignedPoster:
    """Posts to one address. `clock` is the one the receiver's machine shows."""

    def __init__(self, url: str, secret: str, clock: Clock, timeout_s: float) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        self._caller = Caller(url, clock, timeout_s)

    def post(self, idempotency_key: str, document: Any) -> Answer:
        """Send one document; raises nothing."""
        body = msgspec.json.encode(document, order="sorted")
        headers = {
            "Content-Type": "application/json",
            HEADER: sign(self._secret, body, self._clock.now()),
            IDEMPOTENCY_HEADER: idempotency_key,
        }
        return self._caller.answer(self._caller.call("POST", self._url, headers, body))


class SignedReader:
    """Reads JSON from one address. What is signed is the query, which a GET has in place of a body."""

    def __init__(self, url: str, secret: str, clock: Clock, timeout_s: float) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        self._caller = Caller(url, clock, timeout_s)

    def get(self, **parameters: str) -> Reply | Unreachable:
        """A whole answer with status 200, or why there is none; raises nothing."""
        query = urlencode(parameters)
        headers = {HEADER: sign(self._secret, query.encode(), self._clock.now()), "Accept": "application/json"}
        separator = "&" if "?" in self._url else "?"
        url = f"{self._url}{separator}{query}" if query else self._url
        reply = self._caller.call("GET", url, headers, most_bytes=_MOST_BYTES_OF_A_LIST)
        if isinstance(reply, Unreachable):
            return reply
        if reply.status != 200:
            return Unreachable(f"{self._caller.where} answered {reply.status} when asked what is in force")
        if not reply.whole:
            return Unreachable(f"{self._caller.where} answered with more than {_MOST_BYTES_OF_A_LIST >> 20} MiB")
        return reply
