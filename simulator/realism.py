"""How much simulated prompts resemble real ones: the statistics that near-duplicate and novelty detectors live on."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from simulator.calls import Event
from vigil.errors import UsageError

_VARYING = re.compile(r"""("[^"]*"|'[^']*'|https?://\S+|\S*[0-9@]\S*)""")
_NOT_WORDS = re.compile(r"[^\w#]+|_")
_WORD = re.compile(r"\w+")
_FEWEST = 100


class TextStatistics(msgspec.Struct, frozen=True):
    """Statistics of a set of prompts. Shares are of the prompts; lengths in characters.

    `shared_pairs`: probability that two random prompts share a template, times 10,000. `heaps`: exponent of the growth
    of the vocabulary over the second half of the words (1 = every word is new, 0 = none is).
    """

    texts: int
    distinct: float
    distinct_templates: float
    shared_pairs: float
    most_popular: float
    length_p10: float
    length_median: float
    length_p90: float
    length_p99: float
    words_once: float
    heaps: float


def describe(texts: Iterable[str]) -> TextStatistics:
    """Statistics of `texts`, which should be in the order of time (or shuffled). Raises ValueError for fewer than 100."""
    kept = [text for text in texts if text.strip()]
    if len(kept) < _FEWEST:
        raise ValueError(f"{len(kept)} texts are too few to describe; give at least {_FEWEST}")
    n = len(kept)
    exact = Counter(" ".join(text.lower().split()) for text in kept)
    templates = Counter(template(text) for text in kept)
    lengths = sorted(map(len, kept))
    words = Counter[str]()
    at_half = 0
    tokens = [word for text in kept for word in _WORD.findall(text.lower())]
    for number, word in enumerate(tokens):
        if number == len(tokens) // 2:
            at_half = len(words)
        words[word] += 1
    cuts = statistics.quantiles(lengths, n=100)
    return TextStatistics(
        texts=n,
        distinct=len(exact) / n,
        distinct_templates=len(templates) / n,
        shared_pairs=1e4 * sum(count * (count - 1) for count in templates.values()) / (n * (n - 1)),
        most_popular=exact.most_common(1)[0][1] / n,
        length_p10=cuts[9],
        length_median=cuts[49],
        length_p90=cuts[89],
        length_p99=cuts[98],
        words_once=sum(count == 1 for count in words.values()) / len(words),
        heaps=math.log2(len(words) / max(1, at_half)),
    )


def template(text: str) -> str:
    """The text with what varies inside a template (numbers, quotations, addresses) taken out."""
    return _NOT_WORDS.sub(" ", _VARYING.sub("#", text.lower())).strip()


def prompts(events: Iterable[Event]) -> list[str]:
    """The last user turn of each event that has content, in order."""
    return [event["input"][-1]["content"] for event in events if event.get("input")]


def real_prompts(data: Path, most: int) -> dict[str, list[str]]:
    """Benign prompts of people in `data`/prompts.parquet, by source, and those of organic_llm_accounts.parquet if it is
    there: `most` of each source, because vocabulary growth depends on the length. Raises UsageError without the first.
    """
    import pandas as pd

    file = data / "prompts.parquet"
    if not file.is_file():
        raise UsageError(
            f"{file} does not exist; --data names a folder with prompts.parquet (columns text, label, source)"
        )
    table = pd.read_parquet(file, columns=["text", "label", "source"])
    # Shuffled: rows of one source may be sorted by subject, and vocabulary growth looks at their order.
    benign = table[table["label"] == "benign"].sample(frac=1.0, random_state=1)
    texts = {str(source): list(group["text"]) for source, group in benign.groupby("source")}
    accounts = data / "organic_llm_accounts.parquet"
    if accounts.is_file():
        # Players of a game who copy one another: what duplicates look like where nobody removed them.
        played = pd.read_parquet(accounts, columns=["timestamp", "opening_defense"]).sort_values("timestamp")
        texts["organic_accounts"] = list(played["opening_defense"].dropna())
    return {source: kept[:most] for source, kept in texts.items() if len(kept) >= _FEWEST}


def comparison(columns: Sequence[tuple[str, TextStatistics]]) -> list[tuple[str, ...]]:
    """Rows (statistic, one value a column) for a table."""
    return [
        (name, *(f"{getattr(values, name):,.4g}" for _, values in columns)) for name in TextStatistics.__struct_fields__
    ]
