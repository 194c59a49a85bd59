"""Bearer tokens: which tenant a sender is. Several of one tenant are valid at once, so that they can be rotated."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vigil.errors import ConfigError
from vigil.settings import ReceiveSettings

MIN_TOKEN_CHARS = 24
MAX_TENANT_CHARS = 256


@dataclass(frozen=True)
class Sender:
    """Who a token belongs to; `source` is what its events are from when they do not say."""

    tenant: str
    source: str | None = None


class Tokens:
    """The valid tokens, kept as digests under a key of this process only.

    Looking one up takes the same time for every token, right or wrong: all digests are compared, each in constant time.
    """

    def __init__(self, tokens: Iterable[tuple[str, Sender]]) -> None:
        self._key = secrets.token_bytes(32)
        self._senders = [(self._digest(token), sender) for token, sender in tokens]

    def sender(self, token: str) -> Sender | None:
        """The sender of a token, None when it is not valid."""
        digest = self._digest(token)
        found = None
        for known, sender in self._senders:
            if hmac.compare_digest(known, digest):
                found = sender
        return found

    def _digest(self, token: str) -> bytes:
        return hashlib.blake2b(token.encode(errors="surrogateescape"), key=self._key, digest_size=32).digest()


def load_tokens(settings: ReceiveSettings) -> Tokens:
    """The configured tokens. Raises ConfigError, naming places and never a token."""
    found: dict[str, Sender] = {}
    for place, tenant, token, source in [*_of_settings(settings), *_of_file(settings.tokens_file)]:
        if not tenant or len(tenant) > MAX_TENANT_CHARS:
            raise ConfigError(f"{place}: the tenant must have 1 to {MAX_TENANT_CHARS} characters")
        if len(token) < MIN_TOKEN_CHARS:
            raise ConfigError(
                f"{place}: the token of {tenant!r} has fewer than {MIN_TOKEN_CHARS} characters;"
                " make one with `openssl rand -hex 32`"
            )
        if found.setdefault(token, Sender(tenant, source)).tenant != tenant:
            raise ConfigError(f"{place}: the token of {tenant!r} is another tenant's as well; give each its own")
    if not found:
        raise ConfigError(
            "the receiver has no tokens, so nobody could send anything; set VIGIL_RECEIVE__TOKENS to tenant:token"
            " or VIGIL_RECEIVE__TOKENS_FILE"
        )
    return Tokens(found.items())


def _of_settings(settings: ReceiveSettings) -> Iterator[tuple[str, str, str, str | None]]:
    if settings.tokens is None:
        return
    for number, entry in enumerate(settings.tokens.get_secret_value().split(","), start=1):
        tenant, separator, token = entry.strip().partition(":")
        if not separator:
            raise ConfigError(f"receive.tokens, entry {number}: write tenant:token")
        yield f"receive.tokens, entry {number}", tenant.strip(), token.strip(), None


def _of_file(file: Path | None) -> Iterator[tuple[str, str, str, str | None]]:
    if file is None:
        return
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the tokens file {file}: {error}; check receive.tokens_file") from None
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) not in (2, 3):
            raise ConfigError(f"{file}, line {number}: write `tenant token` or `tenant token source`")
        yield f"{file}, line {number}", words[0], words[1], words[2] if len(words) == 3 else None
