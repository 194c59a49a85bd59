"""Text, times and certainty as they are shown."""

from __future__ import annotations

import doctest
import importlib
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.views.certainty import of_support, short, strongest
from dashboard.views.literal import literal, literal_lines
from dashboard.views.moments import ago, span, until, utc
from dashboard.views.queue import Done
from dashboard.views.words import count, done
from vigil.effect import ActionState, EffectKind
from vigil.incident import DetectorSupport

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "module",
    ["views.literal", "views.moments", "views.certainty", "views.evidence", "views.incident", "look.markup"],
)
def test_the_examples_in_the_docstrings_run(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"dashboard.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


@given(st.text())
def test_nothing_invisible_is_left_and_visible_text_stays_as_it_is(text: str) -> None:
    shown = literal(text)
    assert not any(char in shown for char in "\x00\x1b\n\u202a\u202e\u2066\u2069\u200b\ufeff\u2028")
    assert literal(shown) == shown
    if text.isprintable() and text.isascii():
        assert shown == text


def test_lines_stay_lines_where_text_has_several() -> None:
    assert literal_lines("a\n\tb\x1b[31m") == "a\n\tb⟨U+001B⟩[31m"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (61, "1 min"),
        (3_600, "1 h"),
        (11_405, "3 h 10 min"),
        (90_000, "1 d 1 h"),
        (864_000, "10 d"),
    ],
)
def test_durations_have_one_or_two_units(seconds: int, said: str) -> None:
    assert span(timedelta(seconds=seconds)) == said


def test_ages_look_both_ways_and_know_nothing() -> None:
    assert ago(NOW - timedelta(minutes=26), NOW) == "26 min ago"
    assert ago(NOW + timedelta(hours=3), NOW) == "just now"
    assert (until(NOW + timedelta(hours=3), NOW), until(NOW - timedelta(hours=3), NOW)) == ("in 3 h", "3 h ago")
    assert ago(NOW, NOW) == "just now"
    assert (ago(None, NOW), utc(None)) == ("–", "–")


def support(**evidence: float) -> DetectorSupport:
    return DetectorSupport("d", "1", evidence.pop("family", "f"), 0.9, **evidence)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("evidence", "word", "meaning"),
    [
        ({"p_value": 3.1e-11}, "practically certain", "once in 3.2 × 10¹⁰ looks"),
        ({"p_value": 8e-4}, "strong", "once in 1,200 looks"),
        ({"p_value": 0.2}, "weak", "once in 5 looks"),
        ({"p_value": 0.0}, "practically certain", "practically never"),
        ({"p_value": 5e-324}, "practically certain", "looks"),
        ({"e_value": 48_000.0}, "very strong", "grown 48,000-fold"),
        ({"e_value": math.inf}, "practically certain", "∞-fold"),
        ({"e_value": 0.0}, "weak", "0-fold"),
        ({}, "not stated", "gives no p-value"),
    ],
)
def test_evidence_is_said_in_words(evidence: dict[str, float], word: str, meaning: str) -> None:
    said = of_support(support(**evidence))
    assert said.word == word
    assert meaning in said.sentence


def test_the_strongest_detector_speaks_and_families_are_counted() -> None:
    weak = DetectorSupport("a", "1", "metrics", 0.9, p_value=0.01)
    strong = DetectorSupport("b", "1", "accounts", 0.5, e_value=1e9)
    assert strongest([weak, strong]).word == "practically certain"
    assert "2 independent detector families agree: accounts, metrics" in strongest([weak, strong]).sentence
    assert "ask for a second" in strongest([weak]).sentence
    assert strongest([]).word == "not stated"


@given(st.floats(allow_nan=False))
def test_numbers_of_any_size_stay_short(value: float) -> None:
    assert 0 < len(short(value)) <= 16


def test_what_was_done_is_summed_up() -> None:
    entries = [Done(EffectKind.THROTTLE, ActionState.CONFIRMED, 12), Done(EffectKind.SUSPEND, ActionState.HELD, 1)]
    assert done(entries) == [("12 × throttle", ActionState.CONFIRMED), ("suspend held", ActionState.HELD)]
    assert (count(1, "account"), count(1204, "account"), count(0, "reply", "replies")) == (
        "1 account",
        "1,204 accounts",
        "0 replies",
    )
