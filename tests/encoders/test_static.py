"""The default encoder: light, the same in every batch, and clear about weights that do not fit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from detectors.encoders import make_encoder, static
from detectors.encoders.static import (
    SHIPPED_WEIGHTS,
    VECTORS_FILE,
    VOCABULARY_FILE,
    StaticEncoder,
    load_table,
    read_vocabulary,
    save_table,
    word_piece_tokenizer,
)
from vigil.errors import ConfigError


def test_a_vector_does_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = StaticEncoder()
    texts = [f"text {number} about {'this and that ' * (number % 9)}" for number in range(200)]
    together = encoder.encode(texts)
    monkeypatch.setattr(static, "_CHARS_AT_A_TIME", 100)
    assert np.array_equal(encoder.encode(texts), together)
    assert np.array_equal(np.concatenate([encoder.encode([text]) for text in texts]), together)


def test_both_ends_of_a_long_text_count() -> None:
    encoder = StaticEncoder()
    padding = "and so on " * 10_000
    plain, before, after = encoder.encode([padding, f"explosives {padding}", f"{padding} explosives"])
    assert not np.array_equal(plain, before)
    assert not np.array_equal(plain, after)


def test_frequent_words_weigh_less_than_rare_ones() -> None:
    vocabulary = read_vocabulary(SHIPPED_WEIGHTS)
    lengths = np.linalg.norm(load_table(SHIPPED_WEIGHTS / VECTORS_FILE), axis=1)
    the, rare = (lengths[vocabulary.index(word)] for word in ("the", "monastery"))
    assert 0 < the < rare / 20


def test_the_tokenizer_is_the_one_the_vocabulary_was_made_for() -> None:
    vocabulary = read_vocabulary(SHIPPED_WEIGHTS)
    pieces = word_piece_tokenizer(vocabulary).encode("Überraschung: unaffordable 東京!", add_special_tokens=False)
    assert pieces.tokens == ["uber", "##ras", "##chu", "##ng", ":", "una", "##ff", "##ord", "##able", "東", "京", "!"]


def test_a_table_survives_packing_within_half_a_percent(tmp_path: Path) -> None:
    table = (
        np.random.default_rng(3).normal(size=(50, 8)).astype(np.float32)
        * np.logspace(-3, 1, 50, dtype=np.float32)[:, None]
    )
    table[7] = 0
    save_table(tmp_path / VECTORS_FILE, table)
    error = np.abs(load_table(tmp_path / VECTORS_FILE) - table)
    assert np.all(error <= np.abs(table).max(axis=1, keepdims=True) * 0.005)


def test_other_weights_are_another_version(tmp_path: Path) -> None:
    (tmp_path / VOCABULARY_FILE).write_bytes((SHIPPED_WEIGHTS / VOCABULARY_FILE).read_bytes())
    save_table(tmp_path / VECTORS_FILE, load_table(SHIPPED_WEIGHTS / VECTORS_FILE)[:, :64])
    other = make_encoder(f"static:{tmp_path}")
    assert other.dimensions == 64
    assert other.version != StaticEncoder().version == StaticEncoder().version


@pytest.mark.parametrize("damage", ["nothing there", "not a table", "other vocabulary"])
def test_weights_that_do_not_fit_are_refused_with_a_way_out(tmp_path: Path, damage: str) -> None:
    if damage != "nothing there":
        (tmp_path / VOCABULARY_FILE).write_text("[UNK]\nthe\n")
    if damage == "not a table":
        (tmp_path / VECTORS_FILE).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    if damage == "other vocabulary":
        save_table(tmp_path / VECTORS_FILE, np.ones((3, 4), np.float32))
    with pytest.raises(ConfigError, match=r"distil"):
        make_encoder(f"static:{tmp_path}")


def test_it_runs_on_the_cpu_only() -> None:
    with pytest.raises(ConfigError, match="runs on the cpu only"):
        make_encoder("static", "cuda")


def test_it_needs_neither_torch_nor_the_network() -> None:
    code = (
        "import sys; from detectors.encoders import make_encoder; make_encoder('static').encode(['a text']);"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'huggingface_hub'} & sys.modules.keys();"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
