"""Who writes the prompts of an account: a person, or an application with a template."""

from __future__ import annotations

from typing import Protocol

import msgspec

from simulator.dice import Dice
from simulator.text.composer import Composer, Persona
from simulator.text.topics import TOPICS, Topic


class Turn(msgspec.Struct, frozen=True, gc=False):
    """One message of the user: its text and topic; the system prompt, untrusted tool results and tools around it."""

    text: str
    topic: Topic
    language: str = "en"
    system: str | None = None
    tool_results: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    answer_characters: float = 500.0


class Author(Protocol):
    """Writes the turns of sessions."""

    def open(self, dice: Dice) -> Turn:
        """The first turn of a session."""
        ...

    def follow(self, last: Turn, dice: Dice) -> Turn:
        """The turn after `last`."""
        ...


class PersonAuthor:
    """A person with a language, favourite topics and habits of typing."""

    def __init__(self, composer: Composer, persona: Persona) -> None:
        self._composer = composer
        self.persona = persona

    def open(self, dice: Dice) -> Turn:
        text, topic = self._composer.first(self.persona, dice)
        return Turn(text, topic, self.persona.language, answer_characters=dice.lognormal(520, 0.8))

    def follow(self, last: Turn, dice: Dice) -> Turn:
        text = self._composer.later(self.persona, last.topic, dice)
        return Turn(text, last.topic, last.language, last.system, answer_characters=dice.lognormal(420, 0.8))


class TemplateAuthor:
    """An application: one system prompt and one template of its own, filled anew for each call."""

    def __init__(
        self,
        composer: Composer,
        topic: Topic,
        system: str,
        template: str,
        *,
        answer_characters: float = 300.0,
        tools: tuple[str, ...] = (),
    ) -> None:
        self._composer = composer
        self._topic = topic
        self._system = system
        self._template = template
        self._answer_characters = answer_characters
        self._tools = tools

    @classmethod
    def random(cls, composer: Composer, dice: Dice) -> TemplateAuthor:
        """An application about a random topic."""
        topic = dice.pick(TOPICS)
        name = dice.pick(composer.names.products)
        rules = " ".join(composer.fill("{constraint}", topic, dice) for _ in range(dice.whole(2, 6)))
        system = f"You are the assistant of {name}. {composer.fill('{statement}', topic, dice)} {rules}"
        frame = composer.fill(dice.pick(_FRAMES), topic, dice)
        # What varies from call to call stays open in the frame.
        template = frame.replace("[[", "{").replace("]]", "}")
        tools = tuple(f"{dice.zipf(composer.names.terms)}_{verb}" for verb in ("search", "lookup", "update"))
        return cls(
            composer,
            topic,
            system,
            template,
            answer_characters=dice.lognormal(260, 0.6),
            tools=tools if dice.chance(0.35) else (),
        )

    def open(self, dice: Dice) -> Turn:
        text = self._composer.fill(self._template, self._topic, dice)
        tools: tuple[str, ...] = ()
        results: tuple[str, ...] = ()
        if self._tools and dice.chance(0.5):
            tools = (dice.pick(self._tools),)
            results = (
                self._composer.fill('{"result": "{statement} {statement}", "score": {number}}', self._topic, dice),
            )
        length = dice.lognormal(self._answer_characters, 0.4)
        return Turn(text, self._topic, "en", self._system, results, tools, length)

    def follow(self, last: Turn, dice: Dice) -> Turn:
        return self.open(dice)


_FRAMES = (
    "Classify the following message of a {person} by {aspect}, {aspect2} or {aspect}. Message: [[statement]] [[request]]",
    "Customer [[name]] writes: [[request]] [[statement]] Reply as {name} would, {quality} and in {number} {units}.",
    "Extract {aspect}, {aspect2} and all dates as JSON from this note: [[statement]] [[statement]] [[statement]]",
    "[[request]]",
    "[[opening]] [[request]]",
    "Summarise for a {quality} {genre}: [[statement]] [[statement]] [[statement]] [[statement]]",
    "Product: [[product]]. Audience: [[person]]. Write a {quality} {genre} of {number} {units} that stresses {aspect}.",
    "User profile: {quality} [[person]] from [[place]]. Question: [[request]] Use the context: [[statement]] [[statement]]",
    "Rate from 1 to 5 how well this answer deals with {aspect}: [[statement]] [[advice]]",
)
