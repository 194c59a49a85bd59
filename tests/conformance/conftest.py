"""Fixtures of the conformance tests: real emitters, and what they talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.environment import emitters_python
from tests.conformance.openai_server import OpenAIServer


@pytest.fixture(scope="session")
def emitters() -> Path:
    """Python of an environment with LiteLLM and the instrumentations."""
    return emitters_python()


@pytest.fixture(scope="module")
def openai_server() -> Iterator[OpenAIServer]:
    """A local server that speaks as much of OpenAI's API as the emitters use."""
    server = OpenAIServer()
    server.start()
    yield server
    server.stop()
