"""Two versions of an encoder, and a clock just after the traffic."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from detectors.encoders import Encoder, make_encoder
from detectors.encoders.static import SHIPPED_WEIGHTS, VECTORS_FILE, VOCABULARY_FILE, load_table, save_table
from tests.embed.traffic import NOON
from vigil.clock import SimulatedClock


@pytest.fixture(scope="session")
def static() -> Encoder:
    """The default encoder."""
    return make_encoder("static")


@pytest.fixture(scope="session")
def other_version(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """The same encoder with the weights of another distillation: half as many dimensions."""
    folder = tmp_path_factory.mktemp("weights")
    save_table(folder / VECTORS_FILE, np.ascontiguousarray(load_table(SHIPPED_WEIGHTS / VECTORS_FILE)[:, :128]))
    (folder / VOCABULARY_FILE).write_bytes((SHIPPED_WEIGHTS / VOCABULARY_FILE).read_bytes())
    return make_encoder(f"static:{folder}")


@pytest.fixture
def clock() -> SimulatedClock:
    """Five minutes after the traffic."""
    return SimulatedClock(NOON + timedelta(minutes=5))
