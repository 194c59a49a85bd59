"""Prompts and answers of a world: what its people write, what everybody copies, what models answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from simulator.dice import Dice
from simulator.text import english
from simulator.text.documents import EVERYDAY, TECHNICAL
from simulator.text.foreign import LANGUAGES
from simulator.text.grammar import Draw, Grammar
from simulator.text.styles import Style, habit, typed
from simulator.text.topics import NOVEL_TOPICS, TOPICS, Topic
from simulator.text.words import Names

_STATEMENTS = {"es": "frase", "de": "satz", "fr": "phrase", "pt": "frase", "ja": "kaki"}
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")  # fmt: skip
_TECHNICAL_TOPICS = frozenset({"software", "data analysis", "security at work"})

# What thousands of people type word for word, commonest first.
_COMMONPLACES = (
    "hi", "hello", "continue", "thanks", "yes", "ok", "hey", "test", "go on", "more", "why?", "no", "hello, how are you?",
    "what can you do?", "are you there", "tell me a joke", "who are you?", "hola", "shorter", "again", "next", "help",
    "explain", "make it better", "summarise this", "are you human?", "give me an example", "good morning", "translate",
    "tell me something interesting", "what is today's date?", "i'm bored", "thank you so much", "can you help me?", "hallo",
    "bonjour", "try again", "that is wrong", "write a poem", "what time is it", "rewrite", "and then?", "in english please",
    "are you sure?", "step by step", "what do you think?", "stop", "how?", "please continue", "do it", "fix it",
)  # fmt: skip


class Persona(msgspec.Struct, frozen=True, gc=False):
    """Who writes: language, the topics it returns to (favourite first), and its style."""

    language: str
    topics: tuple[Topic, ...]
    style: Style


class Composer:
    """All text of one world. Each method draws from the dice it is given; the rest depends on the seed alone.

    `pool`: texts that first messages are taken from, in place of the grammar. Answers stay the grammar's.
    """

    def __init__(self, seed: int, pool: Sequence[str] = ()) -> None:
        self._seed = seed
        self._pool = pool
        self.names = Names(seed)
        draws = _draws(self.names)
        self.english = Grammar(english.RULES, draws)
        self._foreign = {
            code: Grammar({"statement": [f"{{{_STATEMENTS[code]}}}"], **rules}, draws)
            for code, rules in LANGUAGES.items()
        }
        self._slots = {topic.name: _slots(topic) for topic in (*TOPICS, *NOVEL_TOPICS)}
        self._paragraphs: dict[str, tuple[str, ...]] = {}
        dice = Dice.of(seed, "recipes")
        self.recipes = tuple(self._recipe(dice) for _ in range(400))
        """Prompt templates that go round: many people use them, each with slots of their own."""

    def persona(self, dice: Dice, country: str = "US") -> Persona:
        """A random writer of that country."""
        local = {"DE": "de", "FR": "fr", "ES": "es", "MX": "es", "BR": "pt", "JP": "ja"}.get(country)
        language = local if local is not None and dice.chance(0.65) else "en"
        return Persona(language, tuple(dice.sample(TOPICS, dice.whole(2, 5))), habit(dice))

    def first(self, persona: Persona, dice: Dice) -> tuple[str, Topic]:
        """The first message of a conversation, and its topic."""
        topic = dice.zipf(persona.topics)
        if self._pool:
            return dice.pick(self._pool), topic
        what = dice.unit()
        if what < 0.045:
            return dice.zipf(_COMMONPLACES), topic
        grammar, slots = self._grammar(persona, topic)
        if what < 0.055 and persona.language == "en":
            return typed(self.english.fill(dice.zipf(self.recipes), slots, dice), persona.style, dice), topic
        style = persona.style
        parts = []
        if dice.chance(style.greets):
            parts.append(grammar.expand("opening", slots, dice))
        parts.append(grammar.expand("request", slots, dice))
        while dice.chance(style.constrains) and len(parts) < 6:
            parts.append(grammar.expand("constraint", slots, dice))
        if dice.chance(style.thanks):
            parts.append(grammar.expand("closing", slots, dice))
        text = typed(" ".join(parts), style, dice)
        if dice.chance(style.pastes):
            kinds = TECHNICAL if topic.name in _TECHNICAL_TOPICS and dice.chance(0.7) else EVERYDAY
            text += "\n\n" + dice.pick(kinds)(grammar, slots, self.names, dice)
        return text, topic

    def later(self, persona: Persona, topic: Topic, dice: Dice) -> str:
        """A follow-up message."""
        if dice.chance(0.12):
            return dice.zipf(_COMMONPLACES)
        grammar, slots = self._grammar(persona, topic)
        return typed(grammar.expand("followup", slots, dice), persona.style, dice)

    def answer(self, topic: Topic, characters: int, dice: Dice, language: str = "en") -> str:
        """A model's answer of about that many characters."""
        pool = self._answers(topic, language)
        if language == "en":
            slots = self._slots[topic.name]
            parts = [self.english.expand("answer_opening", slots, dice)]
            closing = self.english.expand("answer_closing", slots, dice)
        else:
            parts, closing = [dice.pick(pool)], ""
        length = len(parts[0])
        while length < characters - 80 and len(parts) < 60:
            paragraph = dice.pick(pool)
            parts.append(paragraph)
            length += len(paragraph) + 2
        if closing:
            parts.append(closing)
        return "\n\n".join(parts) if length > 400 else " ".join(parts)

    def refusal(self, topic: Topic, dice: Dice) -> str:
        """A model's refusal."""
        return self.english.expand("refusal", self._slots[topic.name], dice)

    def fill(self, template: str, topic: Topic, dice: Dice, extra: Mapping[str, Sequence[str]] | None = None) -> str:
        """Fill the slots of a template of one's own; `extra` adds slots."""
        slots = self._slots[topic.name]
        return self.english.fill(template, {**slots, **extra} if extra else slots, dice)

    def _grammar(self, persona: Persona, topic: Topic) -> tuple[Grammar, Mapping[str, Sequence[str]]]:
        if persona.language == "en":
            return self.english, self._slots[topic.name]
        return self._foreign[persona.language], {}

    def _answers(self, topic: Topic, language: str) -> tuple[str, ...]:
        key = topic.name if language == "en" else language
        pool = self._paragraphs.get(key)
        if pool is None:
            dice = Dice.of(self._seed, "paragraphs", key)
            grammar = self.english if language == "en" else self._foreign[language]
            slots = self._slots[topic.name] if language == "en" else {}
            rule = "advice" if language == "en" else "statement"
            pool = tuple(
                " ".join(grammar.expand(rule, slots, dice) for _ in range(dice.whole(1, 4))) for _ in range(300)
            )
            self._paragraphs[key] = pool
        return pool

    def _recipe(self, dice: Dice) -> str:
        topic = dice.pick(TOPICS)
        slots = self._slots[topic.name]
        role = self.english.fill("{quality} {person}", slots, dice)
        rules = " ".join(self.english.expand("constraint", slots, dice) for _ in range(dice.whole(2, 5)))
        return f"I want you to be a {role}. {rules} My first request is: {{request}}"


def _slots(topic: Topic) -> dict[str, tuple[str, ...]]:
    return {
        "thing": topic.things,
        "aspect": topic.aspects,
        "action": topic.actions,
        "quality": topic.qualities,
        "person": topic.people,
    }


def _draws(names: Names) -> dict[str, Draw]:
    return {
        "name": lambda dice: dice.zipf(names.people),
        "place": lambda dice: dice.zipf(names.places),
        "product": lambda dice: dice.zipf(names.products),
        "term": lambda dice: dice.zipf(names.terms),
        "number": lambda dice: str(int(dice.lognormal(6, 0.9)) + 1),
        "money": lambda dice: f"{dice.pick('$€£')}{int(dice.lognormal(120, 1.4)) + 1}",
        "date": lambda dice: f"{dice.whole(1, 28)} {dice.pick(_MONTHS)}",
    }
