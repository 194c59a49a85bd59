"""The signature of what vigil posts: HMAC-SHA256 over time and body, so that a receiver knows who sent it and when.

A receiver needs this file only: it imports nothing but the standard library.

    Vigil-Signature: t=1764000000,v1=5257a869…
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta

HEADER = "Vigil-Signature"
IDEMPOTENCY_HEADER = "Idempotency-Key"
TOLERANCE = timedelta(minutes=5)

_PART = re.compile(r"\s*(t|v1)=([0-9a-f]{1,64})\s*")


class SignatureError(ValueError):
    """The body was not signed with this secret, or too long ago: answer 401 and do nothing."""


def sign(secret: str, body: bytes, at: datetime) -> str:
    """The header's value for a body sent at that time."""
    seconds = int(at.timestamp())
    return f"t={seconds},v1={_mac(secret, body, seconds)}"


def verify_signature(
    secret: str, body: bytes, header: str | None, *, now: datetime | None = None, tolerance: timedelta = TOLERANCE
) -> None:
    """Check a received body against its `Vigil-Signature` header. Raises SignatureError saying what is wrong.

    Several `v1` are allowed, so that a secret can be changed without a gap. `now` defaults to this machine's clock.
    """
    parts = [_PART.fullmatch(part) for part in (header or "").split(",")]
    times = [match[2] for match in parts if match is not None and match[1] == "t"]
    macs = [match[2] for match in parts if match is not None and match[1] == "v1"]
    if len(times) != 1 or not times[0].isdigit() or len(times[0]) > 12 or not macs:
        raise SignatureError(f"no valid {HEADER} header: expected t=SECONDS,v1=HEX")
    seconds = int(times[0])
    expected = _mac(secret, body, seconds)
    if not any(hmac.compare_digest(expected, mac) for mac in macs):
        raise SignatureError("the signature does not fit the body: another secret, or the body was changed")
    age = (now or datetime.now(UTC)).timestamp() - seconds
    if abs(age) > tolerance.total_seconds():
        raise SignatureError(f"signed {age:.0f} s ago, {tolerance.total_seconds():.0f} s are allowed: check the clocks")


def _mac(secret: str, body: bytes, seconds: int) -> str:
    return hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
