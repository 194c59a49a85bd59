"""How well an encoder's neighbourhoods agree with the transformer's and with people's labels, beside TF-IDF.

Over two sets of labelled requests (banking, assistants) and a mixed one of prompts, none of which the static encoder
was made from: rank correlation of the cosines of random pairs with the transformer's, share of the ten nearest
neighbours that are the transformer's too, and how often the nearest neighbour has the same label.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer

from detectors.encoders import Vectors, identity, make_encoder
from vigil.errors import UsageError

_PAIRS = 50_000
_NEIGHBOURS = 10

Labels = npt.NDArray[np.object_]
Similarities = npt.NDArray[np.float64]


def run(
    data: Path = Path("../shared/data"), encoder: str = "static", reference: str = "transformer", texts: int = 1_500
) -> dict[str, object]:
    """Measure `encoder` on up to `texts` texts of each set in the folder `data` (parquet files)."""
    measured, against = make_encoder(encoder), make_encoder(reference)
    figures: dict[str, object] = {"encoder": identity(measured), "reference": identity(against)}
    for name, (some, labels) in _sets(data, texts).items():
        print(f"{name}: {len(some):,} texts", file=sys.stderr)
        truth = _cosines(against.encode(some))
        figures[name] = {
            "texts": len(some),
            measured.name: _score(_cosines(measured.encode(some)), truth, labels),
            "tfidf": _score(_tfidf(some), truth, labels),
            against.name: {"nearest_has_same_label": _nearest_agrees(truth, labels)},
        }
    return figures


def _sets(data: Path, texts: int) -> dict[str, tuple[list[str], Labels]]:
    try:
        intents = pd.read_parquet(data / "intents.parquet")
        prompts = pd.read_parquet(data / "prompts.parquet").drop_duplicates("group")
    except OSError as error:
        raise UsageError(
            f"no intents.parquet and prompts.parquet in {data} ({error}); name their folder with --set data=DIR"
        ) from error
    known = intents[~intents["out_of_scope"]]
    frames = {
        "banking": (known[known["source"] == "banking77"], "intent"),
        "assistant": (known[known["source"] == "clinc_oos"], "intent"),
        "prompts": (prompts[prompts["label"].isin(["benign", "jailbreak", "harmful_request"])], "label"),
    }
    chosen = {
        name: (frame.sample(min(texts, len(frame)), random_state=1), label) for name, (frame, label) in frames.items()
    }
    return {name: (frame["text"].tolist(), frame[label].to_numpy(object)) for name, (frame, label) in chosen.items()}


def _cosines(vectors: Vectors) -> Similarities:
    similarities: Similarities = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    np.fill_diagonal(similarities, -2)
    return similarities


def _tfidf(texts: list[str]) -> Similarities:
    return _cosines(TfidfVectorizer().fit_transform(texts).toarray().astype(np.float32))


def _score(found: Similarities, truth: Similarities, labels: Labels) -> dict[str, float]:
    random = np.random.default_rng(1)
    left, right = random.integers(0, len(labels), (2, _PAIRS))
    left, right = left[left != right], right[left != right]
    nearest, nearest_of_truth = (np.argsort(-cosines, axis=1)[:, :_NEIGHBOURS] for cosines in (found, truth))
    shared = [len(set(ours) & set(theirs)) for ours, theirs in zip(nearest, nearest_of_truth, strict=True)]
    return {
        "rank_correlation": round(float(spearmanr(found[left, right], truth[left, right]).statistic), 3),
        "shared_neighbours": round(float(np.mean(shared)) / _NEIGHBOURS, 3),
        "nearest_has_same_label": _nearest_agrees(found, labels),
    }


def _nearest_agrees(cosines: Similarities, labels: Labels) -> float:
    return round(float((labels[cosines.argmax(axis=1)] == labels).mean()), 3)
