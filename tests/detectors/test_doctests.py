"""The examples in the docstrings of the detectors run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import detectors

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(detectors.__path__, prefix="detectors.") if not module.ispkg
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0
