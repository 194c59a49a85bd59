"""The contract of every encoder, and where encoders are found by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from vigil.errors import ConfigError

Vectors = npt.NDArray[np.float32]
"""float32 [n, dimensions], one row a text."""

MAX_TEXT_CHARS = 8_192
"""Characters of a text that an encoder reads; of a longer one, its two ends."""

HALF_CHARS = (MAX_TEXT_CHARS - 1) // 2
"""Characters kept of each end of a text that is too long; both and the space between are no longer too long."""


class Encoder(Protocol):
    """Turns texts into unit vectors whose cosine says how alike the texts are.

    No text may raise: empty, megabytes long, control characters, lone surrogates. The result is deterministic, and
    equal texts in one call have equal vectors. The row of a text in which the encoder finds no word it knows is the
    zero vector; every other row has length 1.
    """

    @property
    def name(self) -> str:
        """Under which it is registered."""
        ...

    @property
    def version(self) -> str:
        """Differs whenever vectors may differ: vectors of two versions are never compared."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    @property
    def device(self) -> str:
        """Where it computes: `cpu`, `cuda`, `cuda:1`."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), dimensions], rows in the order of `texts`."""
        ...


class EncoderFactory(Protocol):
    """What is registered: an encoder's class."""

    def __call__(self, folder: Path | None = None, device: str | None = None) -> Encoder:
        """The encoder with the weights in `folder` (None: those it comes with) on `device` (None: it chooses).

        Raises ConfigError when the weights, the device or a package is not there.
        """
        ...


F = TypeVar("F", bound=EncoderFactory)

_FACTORIES: dict[str, EncoderFactory] = {}


def register(name: str, factory: F) -> F:
    """Make an encoder known under `name`."""
    if name in _FACTORIES:
        raise ValueError(f"two encoders are called {name}")
    _FACTORIES[name] = factory
    return factory


def encoder_names() -> tuple[str, ...]:
    """Names that `make_encoder` knows."""
    return tuple(sorted(_FACTORIES))


def make_encoder(name: str, device: str | None = None) -> Encoder:
    """The encoder called `name`, or `name:FOLDER` for weights of one's own.

    Raises ConfigError for an unknown name, or when the weights, the device or a package is not there.

    >>> make_encoder("static").encode(["hello", "world"]).shape
    (2, 256)
    """
    plain, _, folder = name.partition(":")
    factory = _FACTORIES.get(plain)
    if factory is None:
        raise ConfigError(
            f"embed.encoder is {name!r}, but no encoder is called {plain!r}; choose one of {', '.join(encoder_names())}"
        )
    return factory(Path(folder) if folder else None, device)


def identity(encoder: Encoder) -> str:
    """Name and version in one, as stored beside each vector: `static/1f0c44aa9be1`."""
    return f"{encoder.name}/{encoder.version}"


def readable(text: str) -> str:
    """`text` as encoders take it: valid Unicode, and of a long text its two ends, white space in it collapsed first.

    Both ends, because what matters in an attack often comes after pages of padding. Applying it twice changes nothing.
    """
    if len(text) > MAX_TEXT_CHARS:
        text = re.sub(r"\s+", " ", text)
        if len(text) > MAX_TEXT_CHARS:
            text = f"{text[:HALF_CHARS]} {text[-HALF_CHARS:]}"
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode(errors="replace").decode()
    return text


def unit(rows: Vectors) -> Vectors:
    """Rows scaled to length 1; zero rows stay zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Vectors = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return scaled
