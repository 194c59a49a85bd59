"""Every registered encoder, loaded once."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from detectors.encoders import Encoder, encoder_names, make_encoder

HAS_TRANSFORMER = find_spec("sentence_transformers") is not None

needs_transformer = pytest.mark.skipif(not HAS_TRANSFORMER, reason="the extra `transformer` is not installed")


@pytest.fixture(
    scope="session",
    params=[pytest.param(name, marks=needs_transformer if name == "transformer" else ()) for name in encoder_names()],
)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    """Each in turn, on the CPU, on which results are the same everywhere."""
    return make_encoder(request.param, "cpu")
