"""Fixtures of the tests of the embedded stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.processes import listening_port


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on 127.0.0.1 that another program listens on."""
    with listening_port() as port:
        yield port
