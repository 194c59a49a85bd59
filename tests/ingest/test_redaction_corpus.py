"""What redaction finds of what is planted, and what it takes that it should not: figures for every class."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

from ingest.enrich.redaction import redact
from tests.ingest.redaction_corpus import ordinary, planted

EACH = 100
WORDS = 40_000
ALLOWED_PER_10K_WORDS = 1.0
_REPLACED = re.compile(r"<(?:email|phone|card|iban|secret|jwt|private_key|national_id|redacted)>")


def aim(kind: str) -> float:
    """Least share that must be found."""
    return 0.95 if kind == "email" or kind.startswith("phone") else 0.99


@pytest.mark.parametrize("seed", [11])
def test_what_is_planted_is_found(seed: int) -> None:
    planted_of: Counter[str] = Counter()
    found: Counter[str] = Counter()
    missed: dict[str, str] = {}
    for thing in planted(seed, EACH):
        planted_of[thing.kind] += 1
        if thing.value in redact(thing.text):
            missed.setdefault(thing.kind, thing.value)
        else:
            found[thing.kind] += 1
    recall = {kind: found[kind] / count for kind, count in planted_of.items()}
    report = "\n".join(f"{kind:18} {share:.3f} {missed.get(kind, '')}" for kind, share in recall.items())
    sys.stdout.write(report)
    assert all(share >= aim(kind) for kind, share in recall.items()), report


def test_ordinary_text_and_code_stay_as_they_are() -> None:
    words = 0
    taken: Counter[str] = Counter()
    for seed in range(21, 21 + WORDS // 600):
        text = ordinary(seed, 600)
        words += len(text.split())
        taken.update(set_of_replacements(text))
    sys.stdout.write(f"{taken.total()} false redactions in {words:,} words: {dict(taken)}\n")
    assert taken.total() / (words / 10_000) <= ALLOWED_PER_10K_WORDS, taken


def test_the_source_of_the_standard_library_stays_as_it_is_but_for_its_addresses() -> None:
    """Real code and real prose that everybody has; the e-mail addresses in it are addresses."""
    words = 0
    taken: Counter[str] = Counter()
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[::3]:
        text = path.read_text(encoding="utf-8", errors="replace")
        words += len(text.split())
        for chunk in re.findall(r"(?s).{1,4000}", text):
            taken.update(set_of_replacements(chunk))
    del taken["<email>"]
    sys.stdout.write(f"{taken.total()} false redactions in {words:,} words: {dict(taken)}\n")
    assert taken.total() / (words / 10_000) <= ALLOWED_PER_10K_WORDS, taken


def set_of_replacements(text: str) -> list[str]:
    """What redaction put into `text`."""
    return _REPLACED.findall(redact(text))
