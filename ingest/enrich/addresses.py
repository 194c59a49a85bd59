"""Client addresses are never stored, only keyed hashes: of the address, and of its neighbourhood.

With the key two events can be told to come from one address (or one /24, one /48) without knowing which; without it
the hashes of the four billion IPv4 addresses cannot be tried out.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from functools import lru_cache
from pathlib import Path

import msgspec

from vigil.errors import WorkspaceError
from vigil.settings import Settings

KEY_FILE = "address_hash_key"
_PREFIX_BYTES = {4: 3, 16: 6}
"""Bytes of the address → bytes of its neighbourhood."""

_MAPPED = bytes(10) + b"\xff\xff"


class AddressHashes(msgspec.Struct, frozen=True):
    """Hashes of one address, 32 hex digits each."""

    prefix: str
    """Of its /24 (IPv4) or /48 (IPv6) prefix."""
    address: str


class AddressHasher:
    """Hashes with one key; remembers the addresses seen last, because traffic repeats itself."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, digest_size=32).digest()
        self.hashes = lru_cache(maxsize=65_536)(self._hashes)

    def _hashes(self, text: str) -> AddressHashes | None:
        """The hashes of an address as text; None when it is none. IPv4 mapped into IPv6 counts as IPv4."""
        packed = _packed(text.strip())
        if packed is None:
            return None
        return AddressHashes(self._hash(packed[: _PREFIX_BYTES[len(packed)]]), self._hash(packed))

    def _hash(self, packed: bytes) -> str:
        return hashlib.blake2b(packed, key=self._key, digest_size=16).hexdigest()


def _packed(text: str) -> bytes | None:
    """The bytes of an address: 4 or 16. The system's parser is ten times quicker than `ipaddress`."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            packed = socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
        return packed.removeprefix(_MAPPED)
    return None


def load_hash_key(settings: Settings) -> bytes:
    """The configured key, else the workspace's own, made the first time and readable by its owner only.

    Raises WorkspaceError when the workspace cannot be used.
    """
    if settings.ingest.address_hash_key is not None:
        return settings.ingest.address_hash_key.get_secret_value().encode()
    file = settings.workspace / KEY_FILE
    try:
        if not file.exists():
            _create(file)
        return file.read_bytes()
    except OSError as error:
        raise WorkspaceError(
            f"cannot read or make the key of address hashes {file}: {error.strerror};"
            " make the workspace writable or set VIGIL_INGEST__ADDRESS_HASH_KEY"
        ) from error


def _create(file: Path) -> None:
    """Make the key file whole or not at all; of two processes that try, the first one's key stands."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(secrets.token_bytes(32))
    try:
        os.link(temporary, file)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
