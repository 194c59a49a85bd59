"""The grammar: closed, varied, and the same for the same dice."""

from __future__ import annotations

import re

import pytest

from simulator.dice import Dice
from simulator.text import english
from simulator.text.composer import Composer
from simulator.text.foreign import LANGUAGES
from simulator.text.grammar import Grammar
from simulator.text.styles import Style, typed
from simulator.text.topics import TOPICS


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(5)


@pytest.mark.parametrize("rules", [english.RULES, *LANGUAGES.values()], ids=["en", *LANGUAGES])
def test_every_placeholder_has_a_rule_or_a_word(rules: dict[str, list[str]]) -> None:
    drawn = {"name", "place", "product", "term", "number", "money", "date"}
    words = {"thing", "aspect", "action", "quality", "person"}
    used = {name for texts in rules.values() for text in texts for name in re.findall(r"\{(\w+)\}", text)}
    assert used <= set(rules) | drawn | words


def test_no_placeholder_is_left_in_any_text(composer: Composer) -> None:
    dice = Dice.of(1)
    for _ in range(2_000):
        persona = composer.persona(dice, dice.pick(("US", "DE", "FR", "ES", "BR", "JP")))
        text, topic = composer.first(persona, dice)
        answer = composer.answer(topic, 400, dice, persona.language)
        assert text.strip()
        for piece in (text, answer, composer.later(persona, topic, dice), composer.refusal(topic, dice)):
            assert not re.search(r"\{[a-z]\w*\}", piece), piece


def test_texts_are_varied_and_a_few_are_everywhere(composer: Composer) -> None:
    dice = Dice.of(2)
    texts = [composer.first(composer.persona(dice), dice)[0] for _ in range(3_000)]
    counts = sorted((texts.count(text) for text in set(texts)), reverse=True)
    assert len(set(texts)) > 0.9 * len(texts)
    assert counts[0] >= 20


def test_vocabulary_keeps_growing(composer: Composer) -> None:
    dice = Dice.of(3)
    seen: set[str] = set()
    sizes = []
    for _block in range(4):
        for _ in range(1_000):
            seen.update(re.findall(r"\w+", composer.first(composer.persona(dice), dice)[0].lower()))
        sizes.append(len(seen))
    assert sizes[3] > 1.3 * sizes[1]


def test_topics_share_no_thing() -> None:
    things = [thing for topic in TOPICS for thing in topic.things]
    assert len(things) == len(set(things))


def test_grammar_draws_the_same_for_the_same_dice() -> None:
    grammar = Grammar({"s": ["{a} {b}", "{b}"], "a": ["x", "y"], "b": ["1", "2", "{a}{a}"]}, {})
    assert [grammar.expand("s", {}, Dice.of(1)) for _ in range(3)] == [grammar.expand("s", {}, Dice.of(1))] * 3


def test_unknown_rules_are_errors() -> None:
    with pytest.raises(KeyError):
        Grammar({"s": ["{missing}"]}, {}).expand("s", {}, Dice.of(1))


def test_typos_change_letters_and_keep_the_length_close() -> None:
    text = "could you explain the interest rate of a savings account"
    slipped = typed(text, Style(typos=0.5), Dice.of(4))
    assert slipped.lower() != text
    assert abs(len(slipped) - len(text)) < 20
