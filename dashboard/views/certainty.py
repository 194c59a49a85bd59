"""How sure: p-values and e-values in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from vigil.incident import DetectorSupport


class Certainty(msgspec.Struct, frozen=True):
    """A word for the strength of the evidence, and the sentence that gives it a meaning."""

    word: str
    sentence: str


def of_support(support: DetectorSupport) -> Certainty:
    """What one detector's p-value or e-value says.

    An e-value of E has a probability of at most 1/E under the detector's null (Markov's inequality), so both kinds
    are graded on one scale.
    """
    if support.p_value is not None:
        chance = support.p_value
        sentence = (
            f"If nothing were wrong, evidence this strong would turn up {_once_in(chance)} (p = {short(chance)})."
        )
    elif support.e_value is not None:
        chance = 1 / support.e_value if support.e_value > 0 else 1.0
        sentence = (
            f"A bet against “nothing is wrong” has grown {short(support.e_value)}-fold; "
            f"chance gets that far at most {_once_in(chance)}."
        )
    else:
        return Certainty("not stated", "This detector gives no p-value or e-value.")
    return Certainty(_word(chance), sentence)


def strongest(supports: Sequence[DetectorSupport]) -> Certainty:
    """The strongest statement, with the number of detector families that stand behind the incident."""
    if not supports:
        return Certainty("not stated", "No detector supports this incident.")
    best = of_support(min(supports, key=_chance))
    families = sorted({support.family for support in supports})
    if len(families) > 1:
        agreement = f" {len(families)} independent detector families agree: {', '.join(families)}."
    else:
        agreement = f" One detector family says so ({families[0]}); severe effects ask for a second."
    return Certainty(best.word, best.sentence + agreement)


def short(value: float) -> str:
    """A number of any size in few characters.

    >>> short(40000.0), short(3.2e-9), short(0.012)
    ('40,000', '3.2 × 10⁻⁹', '0.012')
    """
    if value == 0 or not math.isfinite(value):
        return str(value).replace("inf", "∞")
    # The formatter knows subnormal numbers, whose power of ten cannot be divided by.
    mantissa, _, power = f"{value:.1e}".partition("e")
    exponent = int(power)
    if -4 <= exponent < 6:
        return f"{value:,.0f}" if exponent >= 3 else f"{value:.3g}"
    return f"{mantissa.removesuffix('.0')} × 10{_superscript(exponent)}"


def _chance(support: DetectorSupport) -> float:
    if support.p_value is not None:
        return support.p_value
    return 1 / support.e_value if support.e_value else 1.0


def _word(chance: float) -> str:
    for limit, word in ((1e-6, "practically certain"), (1e-4, "very strong"), (1e-3, "strong"), (1e-2, "moderate")):
        if chance <= limit:
            return word
    return "weak"


def _once_in(chance: float) -> str:
    if chance <= 0:
        return "practically never"
    if chance >= 0.5:
        return "every other time"
    return f"once in {short(float(f'{1 / chance:.2g}'))} looks"


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
