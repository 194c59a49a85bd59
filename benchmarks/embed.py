"""How many texts a second the embedding worker gives a vector, from ClickHouse to ClickHouse.

The peer is the plain loop over the same texts in memory, read and stored nowhere: for the static encoder its own
`encode`, for the transformer sentence-transformers' `encode` as it comes. Both take turns, half of the texts each time.
"""

from __future__ import annotations

import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np

from detectors.embed.share import Share
from detectors.embed.worker import EmbeddingWorker
from detectors.encoders import Encoder, Vectors, identity, make_encoder
from detectors.encoders.base import unit
from detectors.encoders.static import SHIPPED_WEIGHTS, read_vocabulary
from vigil.clock import SimulatedClock
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.warehouse import Warehouse, migrate

_START = datetime(2026, 1, 1, tzinfo=UTC)
_COMPARED = 2_000
_INSERT_ROWS = 10_000


def run(
    encoder: str = "static", device: str = "", seconds: float = 5.0, texts: int = 0, batch_texts: int = 4_096
) -> dict[str, object]:
    """Measure `encoder`; `texts` of them, or (0) as many as the plain loop takes `seconds` for."""
    chosen = make_encoder(encoder, device or None)
    plain = _plain_encode(chosen)
    count = texts or _count_for(plain, seconds)
    made = _texts(count)
    _say(f"{count:,} texts of {sum(map(len, made)) / count:.0f} characters for {identity(chosen)} on {chosen.device}")
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as folder:
        server = EmbeddedClickHouse(Path(folder), Path(folder) / "server.log")
        server.start()
        try:
            warehouse = Warehouse(server.url)
            migrate(warehouse)
            ids = _store(warehouse, made)
            plain_s = worker_s = 0.0
            reference: list[Vectors] = []
            for half in (1, 2):
                started = time.perf_counter()
                part = made[count // 2 :] if half == 2 else made[: count // 2]
                reference += [plain(part[at : at + batch_texts]) for at in range(0, len(part), batch_texts)]
                plain_s += time.perf_counter() - started
                worker = EmbeddingWorker(
                    warehouse, chosen, SimulatedClock(_START), batch_texts=batch_texts, share=Share(half, 2)
                )
                started = time.perf_counter()
                embedded = sum(batch.embedded for batch in worker.embed(_START, _START + timedelta(hours=1)))
                worker_s += time.perf_counter() - started
                _say(f"half {half}: {embedded:,} texts by the worker, {len(part):,} by the plain loop")
            cosine = _min_cosine(warehouse, chosen, ids, np.concatenate(reference))
            warehouse.close()
        finally:
            server.stop()
    return {
        "device": _device_name(chosen.device),
        "encoder": identity(chosen),
        "texts": count,
        "texts_per_second": round(count / worker_s, 1),
        "plain_texts_per_second": round(count / plain_s, 1),
        "ratio_to_plain_encode": round(plain_s / worker_s, 3),
        "min_cosine": round(cosine, 6),
    }


def _plain_encode(encoder: Encoder) -> Callable[[list[str]], Vectors]:
    """What somebody would write who has the texts in a list."""
    if encoder.name == "static":
        return encoder.encode
    from sentence_transformers import SentenceTransformer

    from detectors.encoders.transformer import shipped_model

    model = SentenceTransformer(str(shipped_model()), device=encoder.device, local_files_only=True)

    def encode(texts: list[str]) -> Vectors:
        vectors: Vectors = model.encode(texts, show_progress_bar=False, convert_to_numpy=True)
        return vectors

    return encode


def _count_for(plain: Callable[[list[str]], Vectors], seconds: float) -> int:
    """Texts that the plain loop takes about `seconds` for, between 100 and 200,000."""
    size = 16
    while True:
        sample = _texts(size)
        plain(sample[:8])
        started = time.perf_counter()
        plain(sample)
        taken = time.perf_counter() - started
        if taken > min(0.3, seconds / 4) or size >= 16_384:
            return int(min(200_000, max(100, size * seconds / taken)))
        size *= 4


def _texts(count: int) -> list[str]:
    """Made-up prompts: words by Zipf's law, lengths log-normal around 30 words, the same in every run."""
    random = np.random.default_rng(1)
    words = [piece for piece in read_vocabulary(SHIPPED_WEIGHTS)[1_996:] if piece.isalpha() and piece.isascii()]
    share = 1 / np.arange(1, len(words) + 1)
    lengths = np.clip(random.lognormal(3.3, 0.7, count), 3, 400).astype(int)
    picks = random.choice(len(words), size=int(lengths.sum()), p=share / share.sum())
    ends = np.cumsum(lengths)
    return [
        f"{' '.join(words[pick] for pick in picks[end - length : end])} {number}"
        for number, (end, length) in enumerate(zip(ends, lengths, strict=True))
    ]


def _store(warehouse: Warehouse, texts: list[str]) -> list[uuid.UUID]:
    """Events and bodies, as conversations, within one hour; their ids in the order of `texts`."""
    ids = [uuid.UUID(int=number + 1) for number in range(len(texts))]
    step = timedelta(hours=1) / (len(texts) + 1)
    today = datetime.now(UTC)
    for start in range(0, len(texts), _INSERT_ROWS):
        rows = range(start, min(start + _INSERT_ROWS, len(texts)))
        shared: list[list[object]] = [
            [ids[row] for row in rows],
            [_START + row * step for row in rows],
            # Bodies expire a month after they were received.
            [today] * len(rows),
            ["bench"] * len(rows),
            ["account"] * len(rows),
        ]
        names = ["event_id", "event_time", "received_at", "tenant_id", "account_id"]
        turns = [msgspec.json.encode([{"role": "user", "content": texts[row]}]).decode() for row in rows]
        # The driver writes into the lists that it is given.
        warehouse.insert("bodies", [*names, "input"], [*(list(column) for column in shared), turns])
        warehouse.insert(
            "events",
            [*names, "source", "last_user_text"],
            [*shared, ["gateway"] * len(rows), [texts[row] for row in rows]],
        )
    return ids


def _min_cosine(warehouse: Warehouse, encoder: Encoder, ids: list[uuid.UUID], reference: Vectors) -> float:
    """The least cosine between a stored vector and the plain loop's, over a sample."""
    sample = range(0, len(ids), max(1, len(ids) // _COMPARED))
    rows = warehouse.query(
        """
        SELECT event_id, arrayMap(x -> toFloat32(x), vec)
        FROM (SELECT event_id, text_fingerprint FROM events WHERE event_id IN {ids:Array(UUID)}) AS chosen
        JOIN embeddings USING text_fingerprint
        WHERE encoder = {encoder:String}
        """,
        {"ids": [str(ids[place]) for place in sample], "encoder": identity(encoder)},
    )
    if len(rows) != len(sample):
        raise RuntimeError(f"{len(sample) - len(rows)} of {len(sample)} texts have no vector")
    places = {ids[place]: place for place in sample}
    stored = unit(np.array([vector for _, vector in rows], np.float32))
    expected = unit(reference[[places[event_id] for event_id, _ in rows]])
    return float(np.einsum("nd,nd->n", stored, expected).min())


def _device_name(device: str) -> str:
    if not device.startswith("cuda"):
        return device
    import torch

    return str(torch.cuda.get_device_name(device))


def _say(text: str) -> None:
    print(text, file=sys.stderr)
