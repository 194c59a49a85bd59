"""The figure others rely on has its keys, and the vectors it compares are the same ones."""

from __future__ import annotations

from benchmarks.embed import run


def test_the_benchmark_measures_the_worker_against_the_plain_loop() -> None:
    figures = run(texts=300, batch_texts=50)
    assert figures["device"] == "cpu"
    assert str(figures["encoder"]).startswith("static/")
    for name in ("texts_per_second", "ratio_to_plain_encode"):
        value = figures[name]
        assert isinstance(value, float)
        assert value > 0
    cosine = figures["min_cosine"]
    assert isinstance(cosine, float)
    assert 0.9999 < cosine <= 1.0001
