"""The events that the ingest benchmark sends."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

_WORDS = [
    "tide",
    "harbour",
    "ledger",
    "window",
    "garden",
    "recipe",
    "train",
    "summary",
    "letter",
    "forecast",
    "budget",
    "poem",
    "table",
    "orbit",
    "signal",
    "please",
    "could",
    "you",
    "write",
    "explain",
    "compare",
    "translate",
    "list",
    "a",
    "short",
    "the",
    "of",
    "for",
    "and",
    "with",
    "in",
    "about",
]


class Payloads:
    """Canonical events with text, one in fifty with something to redact in it."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def take(self, count: int) -> Iterator[bytes]:
        """Events of now."""
        chance = self._chance
        for number in range(count):
            account = chance.randrange(2_000)
            text = " ".join(chance.choices(_WORDS, k=36))
            if number % 50 == 0:
                text += " and answer to someone@example.com or +44 20 7946 0958"
            yield json.dumps(
                {
                    "event_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                    "event_time": datetime.now(UTC).isoformat(),
                    "account_id": f"account-{account}",
                    "org_id": f"org-{account % 100}",
                    "source": "gateway-1",
                    "session_id": f"session-{chance.randrange(20_000)}",
                    "request_model": "model-large",
                    "operation": "chat",
                    "provider": "bench",
                    "input_tokens": chance.randrange(10, 2_000),
                    "output_tokens": chance.randrange(10, 500),
                    "duration_ms": chance.randrange(100, 9_000),
                    "status": "ok",
                    "client_ip": f"10.{account % 7}.{account % 251}.{chance.randrange(4)}",
                    "user_agent": "bench-client/1.0",
                    "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}],
                    "output": " ".join(chance.choices(_WORDS, k=30)),
                }
            ).encode()
