"""Makes the static encoder's weights out of a transformer: `python -m detectors.encoders.distil`.

Needs the extra `transformer`, takes a minute on two cores, reads no text but the model's own vocabulary:

1. Each word piece goes through the transformer alone, between [CLS] and [SEP]; its last hidden state is its vector.
2. Centre, turn to principal axes, drop the first two, which all pieces share and no meaning depends on, keep 256
   ("all but the top", Mu and Viswanath 2018).
3. Scale each by a / (a + frequency), a = 0.001 (SIF, Arora, Liang and Ma 2017). The frequency comes from Zipf's law:
   BERT's vocabulary lists its words by falling frequency, from `the` on. Letters, digits and punctuation stand before
   it by code point, and count as frequent as `the` when ASCII, as rare otherwise.

Model2Vec (Tulkens and van Dongen 2024) does 1 to 3 without dropping axes and counts the rank from the first line of the
vocabulary, which makes `the` only the 1,997th most frequent word. The ranks matter: see docs/embeddings.md.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from detectors.encoders.base import Vectors
from detectors.encoders.static import SHIPPED_WEIGHTS, VECTORS_FILE, VOCABULARY_FILE, read_vocabulary, save_table
from detectors.encoders.transformer import shipped_model

DIMENSIONS = 256
DROPPED_AXES = 2
SIF_A = 1e-3

FIRST_WORD = "the"
"""The vocabulary is in order of frequency from here on."""

_PIECES_AT_A_TIME = 1_024


def distil(model: Path, vocabulary: Sequence[str]) -> Vectors:
    """The table of the static encoder, float32 [len(vocabulary), DIMENSIONS], before it is packed."""
    first = first_piece(vocabulary)
    axes = project(piece_vectors(model, range(len(vocabulary))), known=slice(first, None))
    table = (axes * sif_weights(vocabulary)[:, None]).astype(np.float32)
    # Special and unused pieces mean nothing; a text of nothing else is the zero vector.
    table[:first] = 0
    return table


def piece_vectors(model: Path, pieces: Sequence[int]) -> Vectors:
    """Last hidden state of each piece between [CLS] and [SEP]; float32 [len(pieces), width of the model]."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)
    network = AutoModel.from_pretrained(model, local_files_only=True, use_safetensors=True).eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(pieces), _PIECES_AT_A_TIME):
            middle = torch.tensor(list(pieces[start : start + _PIECES_AT_A_TIME]))
            ids = torch.stack(
                [
                    torch.full_like(middle, tokenizer.cls_token_id),
                    middle,
                    torch.full_like(middle, tokenizer.sep_token_id),
                ],
                dim=1,
            )
            states = network(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            parts.append(states[:, 1].float().numpy())
    return np.concatenate(parts)


def first_piece(vocabulary: Sequence[str]) -> int:
    """Row of the first piece that is not special (`[CLS]`) or unused (`[unused17]`)."""
    return 1 + max(row for row, piece in enumerate(vocabulary) if piece.startswith("[") and len(piece) > 1)


def project(vectors: Vectors, *, known: slice) -> npt.NDArray[np.float64]:
    """`vectors` on the principal axes of its `known` rows, without the first `DROPPED_AXES`; [rows, DIMENSIONS]."""
    centred = vectors.astype(np.float64) - vectors[known].mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred[known].T @ centred[known])
    chosen = axes[:, ::-1][:, DROPPED_AXES : DROPPED_AXES + DIMENSIONS]
    # An axis has no sign of its own; fixed, so that distilling again gives the same table.
    signs = np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])
    projected: npt.NDArray[np.float64] = centred @ (chosen * signs)
    return projected


def sif_weights(vocabulary: Sequence[str]) -> npt.NDArray[np.float64]:
    """Weight of each piece between 0 and 1, by its frequency according to Zipf's law; [len(vocabulary)]."""
    first_word = vocabulary.index(FIRST_WORD)
    words = len(vocabulary) - first_word
    ranks = np.arange(len(vocabulary), dtype=np.float64) - first_word + 1
    for row, piece in enumerate(vocabulary[:first_word]):
        ranks[row] = 1 if piece.isascii() else words
    frequencies = 1 / ranks / (1 / np.arange(1, words + 1)).sum()
    weights: npt.NDArray[np.float64] = SIF_A / (SIF_A + frequencies)
    return weights


@click.command()
@click.option("--model", type=click.Path(path_type=Path), help="Folder of the transformer; default: the extra's.")
@click.option("--out", type=click.Path(path_type=Path), default=SHIPPED_WEIGHTS, show_default="the shipped weights")
def main(model: Path | None, out: Path) -> None:
    """Distil the static encoder from a transformer with a BERT vocabulary."""
    model = model or shipped_model()
    vocabulary = read_vocabulary(model)
    out.mkdir(parents=True, exist_ok=True)
    (out / VOCABULARY_FILE).write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    save_table(out / VECTORS_FILE, distil(model, vocabulary))
    click.echo(f"{len(vocabulary)} word pieces, {DIMENSIONS} dimensions: {out}")


if __name__ == "__main__":
    main()
