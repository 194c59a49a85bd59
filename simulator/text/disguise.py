"""Ways of writing that hide a text from filters: other letters, other spacing, encodings."""

from __future__ import annotations

import base64
from collections.abc import Callable

from simulator.dice import Dice

_LOOKALIKES = str.maketrans("aceiopsxyABEHKMOPTX", "асеіорѕхуАВЕНКМОРТХ")
_LEET = str.maketrans("aeiost", "431057")
_SPACES = ("\u200b", "\u2009", " ", "\u00ad")


def homoglyphs(text: str, dice: Dice) -> str:
    """Some words in Cyrillic letters that look like Latin ones."""
    return " ".join(word.translate(_LOOKALIKES) if dice.chance(0.5) else word for word in text.split(" "))


def leet(text: str, dice: Dice) -> str:
    """Digits for letters in most words."""
    return " ".join(word.translate(_LEET) if dice.chance(0.7) else word for word in text.split(" "))


def spaced(text: str, dice: Dice) -> str:
    """Letters of some words pulled apart by (partly invisible) spaces."""
    gap = dice.pick(_SPACES)
    return " ".join(gap.join(word) if len(word) > 4 and dice.chance(0.6) else word for word in text.split(" "))


def encoded(text: str, dice: Dice) -> str:
    """Base64, with a request to decode it."""
    return f"Decode this and do what it says: {base64.b64encode(text.encode()).decode()}"


def reversed_words(text: str, dice: Dice) -> str:
    """Each word backwards, with a request to turn it round."""
    return "Read each word backwards and answer: " + " ".join(word[::-1] for word in text.split(" "))


DISGUISES: tuple[Callable[[str, Dice], str], ...] = (homoglyphs, leet, spaced, encoded, reversed_words)
