"""All dialects by name. A new one is one file with a `@register` class, imported in `ingest.dialects`."""

from __future__ import annotations

from typing import TypeVar

from ingest.dialects.base import Dialect
from vigil.errors import ConfigError

D = TypeVar("D", bound=type[Dialect])

_DIALECTS: dict[str, Dialect] = {}


def register(dialect: D) -> D:
    """Class decorator: make a dialect available under its name. Raises ValueError on a second one of that name."""
    if dialect.name in _DIALECTS:
        raise ValueError(f"two dialects are named {dialect.name!r}")
    _DIALECTS[dialect.name] = dialect()
    return dialect


def get_dialect(name: str) -> Dialect:
    """The dialect of that name. Raises ConfigError listing those there are."""
    try:
        return _DIALECTS[name]
    except KeyError:
        raise ConfigError(f"no dialect is named {name!r}; there are: {', '.join(all_dialects())}") from None


def all_dialects() -> tuple[str, ...]:
    """Names, sorted."""
    return tuple(sorted(_DIALECTS))
