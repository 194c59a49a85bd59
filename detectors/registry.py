"""Every detector, found by name: a new one is one new file with a decorator on its class."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TypeVar

import detectors
from detectors.base import Budget, Detector

D = TypeVar("D", bound=type[Detector])

_CLASSES: dict[str, type[Detector]] = {}


def register(cls: D) -> D:
    """Class decorator. Raises ValueError when the name is taken or a part of the contract is missing."""
    for attribute in ("name", "version", "family", "cadence", "lookback", "kinds"):
        if not hasattr(cls, attribute):
            raise ValueError(f"detector {cls.__name__} does not say its {attribute}")
    taken = _CLASSES.get(cls.name)
    if taken is not None and taken is not cls:
        raise ValueError(f"two detectors are named {cls.name!r}: {taken.__name__} and {cls.__name__}")
    _CLASSES[cls.name] = cls
    return cls


def all_detectors(budget: Budget | None = None) -> tuple[Detector, ...]:
    """One instance of every registered detector, by name, sharing the budget."""
    _import_families()
    return tuple(_CLASSES[name](budget) for name in sorted(_CLASSES))


_FAMILIES = ("accounts", "coordination", "telemetry")
"""Folders with detectors; the others below `detectors` are what they work with."""


@cache
def _import_families() -> None:
    """Import every module of every family, so that their decorators run."""
    for family in _FAMILIES:
        package = importlib.import_module(f"{detectors.__name__}.{family}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
