"""Invented words: names of people, places, products and projects, so that vocabulary grows as it does in real text."""

from __future__ import annotations

from simulator.dice import Dice

_ONSETS = ("b", "br", "c", "d", "dr", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "qu", "r", "s", "st", "t", "th", "tr", "v", "w", "y", "z", "sh", "ch", "fl", "sk")  # fmt: skip
_NUCLEI = ("a", "e", "i", "o", "u", "ae", "ia", "ou", "ei", "y")
_CODAS = ("", "", "", "n", "r", "l", "s", "m", "nd", "rt", "x", "th", "ck", "lm")
_PLACE_ENDS = ("ville", "burg", "mouth", "haven", "field", "dorf", "stad", "ia", "grad", "bridge", "ton", "wick")


def word(dice: Dice, syllables: int) -> str:
    """A pronounceable word that is in no dictionary (almost always)."""
    return "".join([dice.pick(_ONSETS) + dice.pick(_NUCLEI) + dice.pick(_CODAS) for _ in range(syllables)])


class Names:
    """Pools of invented names, drawn Zipf-like: a few are everywhere, most are rare."""

    def __init__(self, seed: int, size: int = 6000) -> None:
        dice = Dice.of(seed, "names")
        self.people = tuple(word(dice, dice.whole(1, 3)).capitalize() for _ in range(size))
        self.places = tuple(word(dice, dice.whole(1, 2)).capitalize() + dice.pick(_PLACE_ENDS) for _ in range(size))
        self.products = tuple(word(dice, dice.whole(2, 3)).capitalize() for _ in range(size))
        self.terms = tuple(word(dice, dice.whole(2, 4)) for _ in range(size))
