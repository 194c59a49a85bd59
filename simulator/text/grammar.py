"""A small engine for context-free text: rules of alternatives, compiled once, expanded in microseconds."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence

from simulator.dice import Dice

Slots = Mapping[str, Sequence[str]]
Draw = Callable[[Dice], str]
_Part = str | tuple[str]
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Grammar:
    """Rules by name; `{name}` in an alternative stands for one expansion of that rule.

    A name is looked up in the slots of the call (words of a topic), then in `draws` (numbers, dates, invented
    names), then in the rules. Alternatives of one rule are equally likely.

    >>> greeting = Grammar({"start": ["good {time}"]}, {})
    >>> greeting.expand("start", {"time": ["morning"]}, Dice.of(1))
    'good morning'
    """

    def __init__(self, rules: Mapping[str, Sequence[str]], draws: Mapping[str, Draw]) -> None:
        self._rules = {name: tuple(_compile(text) for text in texts) for name, texts in rules.items()}
        self._draws = dict(draws)

    def expand(self, name: str, slots: Slots, dice: Dice) -> str:
        """One text of rule `name`. Raises KeyError for a name that is defined nowhere."""
        alternatives = self._rules[name]
        return self._fill(alternatives[int(dice.unit() * len(alternatives))], slots, dice)

    def fill(self, text: str, slots: Slots, dice: Dice) -> str:
        """Expand the placeholders of a template that is not a rule."""
        return self._fill(_compile(text), slots, dice)

    def _fill(self, parts: tuple[_Part, ...], slots: Slots, dice: Dice) -> str:
        done = []
        for part in parts:
            if type(part) is str:
                done.append(part)
                continue
            name = part[0]
            if (words := slots.get(name)) is not None:
                done.append(dice.zipf(words))
            elif (draw := self._draws.get(name)) is not None:
                done.append(draw(dice))
            else:
                done.append(self.expand(name, slots, dice))
        return "".join(done)


@functools.lru_cache(maxsize=4096)
def _compile(text: str) -> tuple[_Part, ...]:
    pieces = _PLACEHOLDER.split(text)
    # Odd pieces are the captured names.
    return tuple((piece,) if i % 2 else piece for i, piece in enumerate(pieces) if piece or i % 2)
