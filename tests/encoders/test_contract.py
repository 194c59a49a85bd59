"""What every encoder promises, asked of each that is registered."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.encoders import Encoder, encoder_names, identity, make_encoder
from detectors.encoders.base import MAX_TEXT_CHARS, readable, register
from vigil.errors import ConfigError

ODD_TEXTS = [
    "",
    "   \n\t ",
    "\x00\x01\x7f",
    "\ud800 half a pair",
    "\u202eright to left\u202c and \u200bzero\u200dwidth",
    "e\u0301" * 50,
    "🙂🙃" * 100,
    "a" * 5_000,
    "ﷺ" * 300,
    "[CLS] [SEP] [unused17] ##ing",
    "word " * 20_000,
]
PLAIN_TEXTS = ["where is my parcel", "the parcel has not arrived", "a recipe for onion soup", "Wo ist mein Paket?"]
# Each: a sentence, its paraphrase, and something else with as many words in common.
TRIPLES = [
    (
        "How do I change the password of my account?",
        "I forgot my login credentials and need to reset them.",
        "How do I change the tyre of my car?",
    ),
    (
        "The card payment was refused in the shop.",
        "My credit card got declined at the store.",
        "The shop was closed for the holidays.",
    ),
    (
        "Write a poem about the sea at night.",
        "Compose some verses on the ocean after dark.",
        "Write a program that sorts a list of numbers.",
    ),
]


def test_rows_are_unit_float32_vectors_or_zero(encoder: Encoder) -> None:
    vectors = encoder.encode(ODD_TEXTS + PLAIN_TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(ODD_TEXTS) + len(PLAIN_TEXTS), encoder.dimensions)
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))
    assert np.all(lengths[-len(PLAIN_TEXTS) :] > 0)


@pytest.mark.parametrize("text", ["", "   \n\t ", "\x00\x01\x7f", "🙂🙃" * 100])
def test_a_text_without_a_known_word_is_the_zero_vector(encoder: Encoder, text: str) -> None:
    assert not encoder.encode([text]).any()


def test_no_texts_are_no_rows(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimensions)


def test_the_same_call_gives_the_same_bits(encoder: Encoder) -> None:
    texts = ODD_TEXTS + PLAIN_TEXTS
    assert encoder.encode(texts).tobytes() == encoder.encode(texts).tobytes()


def test_equal_texts_have_equal_vectors_wherever_they_stand(encoder: Encoder) -> None:
    texts = PLAIN_TEXTS * 3
    vectors = encoder.encode(texts)
    assert all(np.array_equal(vectors[place], vectors[texts.index(text)]) for place, text in enumerate(texts))
    alone = np.concatenate([encoder.encode([text]) for text in PLAIN_TEXTS])
    assert np.einsum("nd,nd->n", alone, vectors[: len(alone)]).min() > 0.9999


def test_rows_keep_the_order_of_the_texts(encoder: Encoder) -> None:
    texts = [f"{'very ' * (number % 7)}long story number {number}" for number in range(40)]
    backwards = encoder.encode(texts[::-1])[::-1]
    assert np.einsum("nd,nd->n", encoder.encode(texts), backwards).min() > 0.9999


def test_megabytes_of_text_count_like_the_two_ends_they_are_cut_to(encoder: Encoder) -> None:
    text = "the quick brown fox jumps over the lazy dog. " * 100_000
    assert np.array_equal(encoder.encode([text]), encoder.encode([readable(text)]))


@pytest.mark.parametrize(("sentence", "paraphrase", "other"), TRIPLES)
def test_a_paraphrase_is_nearer_than_another_matter(
    encoder: Encoder, sentence: str, paraphrase: str, other: str
) -> None:
    one, same, different = encoder.encode([sentence, paraphrase, other])
    assert one @ same > one @ different


def test_the_identity_names_encoder_and_version_in_one_word(encoder: Encoder) -> None:
    assert re.fullmatch(r"[a-z]+/[0-9a-f]{12}", identity(encoder))
    assert identity(encoder).startswith(f"{encoder.name}/")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(alphabet=st.characters(exclude_categories=()), max_size=200), max_size=6))
def test_no_text_raises(encoder: Encoder, texts: list[str]) -> None:
    lengths = np.linalg.norm(encoder.encode(texts), axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=50), st.integers(0, 1_000))
def test_readable_texts_are_bounded_valid_unicode_and_stay_as_they_are(text: str, repeats: int) -> None:
    once = readable(text * repeats)
    assert len(once) <= MAX_TEXT_CHARS
    assert once.encode().decode() == once
    assert readable(once) == once


def test_padding_does_not_push_a_text_out_of_sight() -> None:
    assert "needle" in readable(" " * 100_000 + "needle")
    assert "needle" in readable("hay " * 100_000 + "needle")
    assert "needle" in readable("needle" + " hay" * 100_000)


def test_an_unknown_encoder_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"embed\.encoder is 'word2vec'.*static, transformer"):
        make_encoder("word2vec")


def test_two_encoders_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two encoders are called static"):
        register(encoder_names()[0], make_encoder)  # type: ignore[type-var]
