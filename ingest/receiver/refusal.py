"""Why a request was not taken: the HTTP status, a sentence for the sender, and when to try again."""

from __future__ import annotations


class Refusal(Exception):
    """Answered as it is. `retry_after_s` is set where trying again can help."""

    def __init__(self, status: int, reason: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after_s = retry_after_s
