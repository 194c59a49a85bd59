"""The shipped weights are what the script makes of the transformer."""

from __future__ import annotations

import numpy as np

from detectors.encoders.distil import (
    DIMENSIONS,
    DROPPED_AXES,
    first_piece,
    piece_vectors,
    project,
    sif_weights,
)
from detectors.encoders.static import SHIPPED_WEIGHTS, VECTORS_FILE, load_table, read_vocabulary
from tests.encoders.conftest import needs_transformer


def test_projection_drops_the_strongest_axes_and_keeps_the_next() -> None:
    random = np.random.default_rng(5)
    width = DIMENSIONS + DROPPED_AXES + 10
    turned = np.linalg.qr(random.normal(size=(width, width)))[0]
    strengths = np.logspace(1, -1, width)
    vectors = ((random.normal(size=(2_000, width)) * strengths) @ turned + 3).astype(np.float32)
    projected = project(vectors, known=slice(None))
    assert projected.shape == (2_000, DIMENSIONS)
    assert np.abs(projected.mean(axis=0)).max() < 1e-3
    spread = projected.std(axis=0)
    assert np.all(np.diff(spread) < 0)
    kept = strengths[DROPPED_AXES : DROPPED_AXES + DIMENSIONS]
    assert np.all(np.abs(spread[:50] / kept[:50] - 1) < 0.15)


def test_projection_has_no_sign_left_to_chance() -> None:
    random = np.random.default_rng(6)
    vectors = random.normal(size=(1_000, DIMENSIONS + DROPPED_AXES)).astype(np.float32)
    assert np.allclose(project(vectors, known=slice(None)), project(vectors[::-1], known=slice(None))[::-1], atol=1e-3)


def test_weights_fall_with_frequency() -> None:
    vocabulary = read_vocabulary(SHIPPED_WEIGHTS)
    weights = sif_weights(vocabulary)
    weight = {piece: weights[row] for row, piece in enumerate(vocabulary)}
    assert weight["the"] < weight["house"] < weight["monastery"] < 1
    assert weight["!"] == weight["7"] == weight["the"] < 0.02
    assert weight["東"] > 0.9


def test_special_and_unused_pieces_come_first_in_the_vocabulary() -> None:
    vocabulary = read_vocabulary(SHIPPED_WEIGHTS)
    first = first_piece(vocabulary)
    assert vocabulary[first] == "!"
    assert not load_table(SHIPPED_WEIGHTS / VECTORS_FILE)[:first].any()


@needs_transformer
def test_the_shipped_table_is_made_from_the_transformer() -> None:
    """A sample of pieces, as a run over all of them takes a minute.

    Their shipped vectors without the weights must be their hidden states after one and the same turn of the axes:
    fitted on some pieces, it has to hold for the others, and to be a turn (its columns of length 1, at right angles).
    """
    from detectors.encoders.transformer import shipped_model

    vocabulary = read_vocabulary(SHIPPED_WEIGHTS)
    rows = np.random.default_rng(7).choice(np.arange(first_piece(vocabulary), len(vocabulary)), 1_000, replace=False)
    hidden = piece_vectors(shipped_model(), rows.tolist())
    shipped = load_table(SHIPPED_WEIGHTS / VECTORS_FILE)[rows] / sif_weights(vocabulary)[rows, None]
    known = np.hstack([hidden, np.ones((len(rows), 1))])
    turn = np.linalg.lstsq(known[:700], shipped[:700], rcond=1e-6)[0]
    error = np.linalg.norm(known[700:] @ turn - shipped[700:], axis=1) / np.linalg.norm(shipped[700:], axis=1)
    assert error.max() < 0.03
    assert np.abs(turn[:-1].T @ turn[:-1] - np.eye(DIMENSIONS)).max() < 0.05
