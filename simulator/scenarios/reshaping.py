"""Changing events on their way, for scenarios about models, applications and infrastructure.

What happens to an event depends on its id alone, so that a part of the period read by itself is the same.
"""

from __future__ import annotations

from collections import Counter

from simulator.calls import Event
from simulator.dice import Dice
from simulator.habits import calls_per_day
from simulator.scenarios.base import Stage
from simulator.text.composer import Composer
from simulator.text.topics import BY_NAME, Topic

_STEPS = 16**7


def fate(event: Event, salt: int = 0) -> float:
    """A number in [0, 1) that belongs to the event; another `salt` gives an independent one."""
    digits: str = event["event_id"].replace("-", "")
    # Two digits of the id are fixed by its version; these stretches are not among them.
    start = (0, 17, 24)[salt % 3]
    return int(digits[start : start + 7], 16) / _STEPS


def dice_of(event: Event, stage: Stage) -> Dice:
    """Dice that belong to the event."""
    return Dice.of(stage.world.seed, event["event_id"])


def with_text(event: Event, text: str) -> Event:
    """A copy of the event whose last user turn is `text`, without the history that led elsewhere."""
    changed = {**event, "input": [{"role": "user", "content": text}]}
    # Without the history there is nothing that could have been cached.
    changed.pop("cache_read_tokens", None)
    changed["input_tokens"] = int((len(text) + len(changed.get("system", ""))) / 4.3) + 7
    return changed


def with_answer(event: Event, answer: str, **changes: object) -> Event:
    """A copy of the event whose output is `answer`."""
    return {**event, "output": answer, "output_tokens": int(len(answer) / 4.2) + 1, **changes}


def last_text(event: Event) -> str:
    """The last user turn; empty without content."""
    messages = event.get("input")
    return str(messages[-1]["content"]) if messages else ""


def busiest_model(stage: Stage, tenant: str) -> str:
    """The model that most of the tenant's expected calls go to."""
    expected: Counter[str] = Counter()
    for account in stage.world.accounts:
        if account.tenant_id == tenant and account.org.sends_content:
            for rank, model in enumerate(account.models, start=1):
                expected[model.name] += int(1000 * calls_per_day(account.habit) / rank)
    return expected.most_common(1)[0][0]


def some_topic(event: Event) -> Topic:
    """A topic for new text in this event."""
    topics = tuple(BY_NAME.values())
    return topics[int(fate(event, 1) * len(topics))]


def refusal(composer: Composer, event: Event, dice: Dice) -> Event:
    """A copy of the event in which the model declines."""
    return with_answer(event, composer.refusal(some_topic(event), dice), refused=True)
