"""How people type: slips, missing capitals, punctuation habits."""

from __future__ import annotations

import msgspec

from simulator.dice import Dice


class Style(msgspec.Struct, frozen=True, gc=False):
    """Habits of one writer. Rates are probabilities per word (`typos`) or per message (the others)."""

    typos: float = 0.0
    lowercase: bool = False
    greets: float = 0.3
    thanks: float = 0.15
    constrains: float = 0.4
    pastes: float = 0.12
    marks: str = ""
    """What the writer likes to end with: `!!`, `...`, a smiley."""


def habit(dice: Dice) -> Style:
    """The style of a random person."""
    return Style(
        typos=dice.lognormal(0.006, 1.1) if dice.chance(0.7) else 0.0,
        lowercase=dice.chance(0.3),
        greets=dice.between(0.0, 0.7),
        thanks=dice.between(0.0, 0.4),
        constrains=dice.between(0.1, 0.7),
        pastes=dice.between(0.02, 0.3),
        marks=dice.pick(("", "", "", "", "!!", "...", " :)", " 🙂", "?", "!")),
    )


def typed(text: str, style: Style, dice: Dice) -> str:
    """`text` as this writer would type it."""
    if style.lowercase:
        text = text.lower()
    elif text:
        text = text[0].upper() + text[1:]
    if style.typos and len(text) < 1200:
        # The number of slips is drawn for the text, not word by word: most texts have none.
        words = text.count(" ") + 1
        slips = int(dice.exponential(style.typos * words) + 0.5)
        for _ in range(min(slips, words)):
            text = slip(text, dice)
    if style.marks and dice.chance(0.2):
        text = text.rstrip(".!?") + style.marks
    return text


def slip(text: str, dice: Dice) -> str:
    """`text` with one letter swapped, dropped or doubled."""
    if len(text) < 4:
        return text
    at = 1 + dice.below(len(text) - 2)
    if not (text[at].isalpha() and text[at + 1].isalpha()):
        return text
    how = dice.below(3)
    if how == 0:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if how == 1:
        return text[:at] + text[at + 1 :]
    return text[:at] + text[at] + text[at:]
