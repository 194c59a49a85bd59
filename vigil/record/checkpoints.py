"""Checkpoints of the ledger: its head, signed once a day and taken out of the database, so that a rewritten or shortened
chain shows. Ed25519 (RFC 8032) through the `cryptography` library: whoever has the public key can check."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, insert, select

from vigil.errors import ConfigError
from vigil.record import ledger
from vigil.record.ledger import Head
from vigil.record.schema import ledger_checkpoints


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The head of the ledger at a moment of a day, signed."""

    day: str
    seq: int
    hash: str
    at: datetime
    public_key: str
    signature: str = ""

    @property
    def head(self) -> Head:
        """The entry that the chain must contain."""
        return Head(self.seq, self.hash)

    def signed_text(self) -> bytes:
        """What the signature covers: canonical JSON (sorted keys, no spaces) of every other field."""
        fields = {name: value for name, value in msgspec.structs.asdict(self).items() if name != "signature"}
        fields["at"] = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        return msgspec.json.encode(fields, order="sorted")

    def problem(self, public_key: str | None = None) -> str | None:
        """What is wrong with it; None when its signature holds (and is of `public_key`, where one is given)."""
        if public_key is not None and public_key != self.public_key:
            return f"the checkpoint of {self.day} was signed with another key ({self.public_key[:16]}…)"
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public_key))
            key.verify(bytes.fromhex(self.signature), self.signed_text())
        except (InvalidSignature, ValueError):
            return f"the signature of the checkpoint of {self.day} does not hold"
        return None


def key_of(seed: str) -> Ed25519PrivateKey:
    """The signing key of 64 hex digits. Raises ConfigError."""
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed.strip()))
    except ValueError as error:
        raise ConfigError(
            "enforcement.checkpoint_key must be 64 hex digits; `openssl rand -hex 32` makes one"
        ) from error


def take(connection: Connection, key: Ed25519PrivateKey, now: datetime) -> Checkpoint | None:
    """Sign the head and keep it as the day's checkpoint; None when the day has one or the ledger is empty."""
    day = now.astimezone(UTC).date().isoformat()
    head = ledger.head(connection)
    if head.seq == 0 or any(known.day == day for known in stored(connection)):
        return None
    public_key = key.public_key().public_bytes_raw().hex()
    unsigned = Checkpoint(day=day, seq=head.seq, hash=head.hash, at=now.astimezone(UTC), public_key=public_key)
    checkpoint = msgspec.structs.replace(unsigned, signature=key.sign(unsigned.signed_text()).hex())
    connection.execute(insert(ledger_checkpoints).values(**msgspec.structs.asdict(checkpoint)))
    return checkpoint


def stored(connection: Connection) -> list[Checkpoint]:
    """The checkpoints that the database has, oldest first."""
    rows = connection.execute(select(ledger_checkpoints).order_by(ledger_checkpoints.c.day))
    return [Checkpoint(**row._mapping) for row in rows]


def problems(checkpoints: Iterable[Checkpoint], public_key: str | None = None) -> list[str]:
    """What is wrong with the checkpoints' signatures."""
    return [problem for one in checkpoints if (problem := one.problem(public_key)) is not None]
