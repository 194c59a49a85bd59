"""The encoder for CPUs: the weighted mean of one vector a word piece, looked up in a table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from detectors.encoders.base import Vectors, readable, register, unit
from vigil.errors import ConfigError

SHIPPED_WEIGHTS = Path(__file__).parent / "weights" / "static"
"""Distilled from all-MiniLM-L6-v2 by `python -m detectors.encoders.distil`; docs/embeddings.md is the model card."""

VECTORS_FILE = "vectors.npz"
VOCABULARY_FILE = "vocab.txt"

_CHARS_AT_A_TIME = 2**20
"""Characters tokenised in one go, about 100 MB of tokens: bounds memory whatever the texts are."""


class StaticEncoder:
    """A table of word-piece vectors, in which frequent pieces are short; a text is the direction of their sum.

    More than 100 times as fast as the transformer on a CPU; of the ten nearest neighbours of a text it shares a third
    to three fifths with it (docs/embeddings.md). The vector of a text does not depend on what else is in the call.

    Sources: Model2Vec (Tulkens and van Dongen 2024); SIF weights (Arora, Liang and Ma 2017).
    """

    name = "static"
    device = "cpu"

    def __init__(self, folder: Path | None = None, device: str | None = None) -> None:
        if device not in (None, "cpu"):
            raise ConfigError(
                f"the encoder static runs on the cpu only, not on {device!r}; leave embed.device unset, or choose"
                " embed.encoder transformer"
            )
        folder = folder or SHIPPED_WEIGHTS
        try:
            vocabulary = read_vocabulary(folder)
            packed = (folder / VECTORS_FILE).read_bytes()
            self._table = load_table(folder / VECTORS_FILE)
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                f"no weights of the encoder static in {folder} ({error}); it must hold {VECTORS_FILE} and"
                f" {VOCABULARY_FILE} as `python -m detectors.encoders.distil --out FOLDER` writes them"
            ) from error
        if len(vocabulary) != len(self._table):
            raise ConfigError(
                f"{folder / VOCABULARY_FILE} has {len(vocabulary)} word pieces, {VECTORS_FILE} {len(self._table)}"
                " vectors; both must come from the same distillation"
            )
        self._tokenizer = word_piece_tokenizer(vocabulary)
        self.dimensions = int(self._table.shape[1])
        self.version = hashlib.sha256(packed + "\n".join(vocabulary).encode()).hexdigest()[:12]

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `Encoder`."""
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        return np.concatenate([self._encode(batch) for batch in _slices([readable(text) for text in texts])])

    def _encode(self, texts: list[str]) -> Vectors:
        pieces = [encoded.ids for encoded in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        ends = np.cumsum([len(row) for row in pieces])
        columns = np.fromiter(chain.from_iterable(pieces), np.int32, count=int(ends[-1]))
        # A sparse product adds the rows of the table without copying them together first: 60 times faster.
        counts = csr_array(
            (np.ones(len(columns), np.float32), columns, np.concatenate([[0], ends])),
            shape=(len(texts), len(self._table)),
        )
        return unit(np.asarray(counts @ self._table, np.float32))


def read_vocabulary(folder: Path) -> list[str]:
    """Word pieces in the order of their ids. Raises OSError or ValueError (not UTF-8)."""
    return (folder / VOCABULARY_FILE).read_text(encoding="utf-8").removesuffix("\n").split("\n")


def word_piece_tokenizer(vocabulary: Sequence[str]) -> Tokenizer:
    """BERT's uncased tokenizer over `vocabulary`, the id of a piece being its place; it adds no special pieces."""
    tokenizer = Tokenizer(WordPiece({piece: row for row, piece in enumerate(vocabulary)}, unk_token="[UNK]"))  # noqa: S106 - a word piece
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


def save_table(path: Path, table: Vectors) -> None:
    """Store `table` [pieces, dimensions] as 8-bit integers with a 16-bit scale a row."""
    largest = np.abs(table).max(axis=1, keepdims=True)
    scales = (np.where(largest > 0, largest, 1.0) / 127).astype(np.float16)
    np.savez_compressed(path, rows=np.round(table / scales.astype(np.float32)).astype(np.int8), scales=scales)


def load_table(path: Path) -> Vectors:
    """What `save_table` stored. Raises OSError, ValueError or KeyError when it is not such a file."""
    with np.load(path, allow_pickle=False) as stored:
        rows, scales = stored["rows"], stored["scales"]
    return np.ascontiguousarray(rows.astype(np.float32) * scales.astype(np.float32))


def _slices(texts: Sequence[str]) -> Iterator[list[str]]:
    """Runs of texts, each of a bounded number of characters."""
    batch: list[str] = []
    chars = 0
    for text in texts:
        if batch and chars + len(text) > _CHARS_AT_A_TIME:
            yield batch
            batch, chars = [], 0
        batch.append(text)
        chars += len(text)
    yield batch


register(StaticEncoder.name, StaticEncoder)
