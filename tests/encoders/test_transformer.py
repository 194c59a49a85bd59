"""The GPU's encoder: as sentence-transformers computes it, offline, and clear about what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from detectors.encoders import make_encoder
from tests.encoders.conftest import needs_transformer
from vigil.errors import ConfigError


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigError, match=r"uv pip install '\.\[transformer\]'.*embed\.encoder static"):
        make_encoder("transformer")


@needs_transformer
def test_vectors_are_those_of_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    from detectors.encoders.transformer import shipped_model

    texts = [f"{'a longer and longer story about the sea, ' * (number % 7)} part {number}" for number in range(14)]
    texts.append("far beyond what the model reads " * 200)
    plain = SentenceTransformer(str(shipped_model()), device="cpu", local_files_only=True)
    expected = plain.encode(texts, show_progress_bar=False, normalize_embeddings=True)
    assert np.einsum("nd,nd->n", make_encoder("transformer", "cpu").encode(texts), expected).min() > 0.9999


@needs_transformer
def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no modules\.json"):
        make_encoder(f"transformer:{tmp_path}")
    (tmp_path / "modules.json").write_text("[]")
    with pytest.raises(ConfigError, match="no sentence-transformers model that can be loaded"):
        make_encoder(f"transformer:{tmp_path}")


@needs_transformer
@pytest.mark.parametrize(("device", "message"), [("tpu", "must be `cpu`, `cuda`"), ("cuda:99", "finds no CUDA device")])
def test_a_device_that_is_not_there_is_refused(device: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_encoder("transformer", device)
