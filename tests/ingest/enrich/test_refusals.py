"""Refusals: the field stands, then how the answer ended, then its first words."""

from __future__ import annotations

import pytest

from ingest.enrich.refusals import REASONS, refused
from tests.ingest.events import accepted, raw

DECLINED = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I cannot assist with that request.",
    "Sorry, I can't provide instructions for that.",
    "I cannot help with creating malware.",
    "I can't assist with that.",
    "I won't help with this.",
    "I must decline to write that.",
    "I'm unable to help with that.",
    "Unfortunately, I am not able to provide medical prescriptions.",
    "**I'm sorry**, but I am unable to do this.",
    "Es tut mir leid, aber dabei kann ich nicht helfen.",
    "Lo siento, pero no puedo ayudar con eso.",
    "Je ne peux pas vous aider à faire cela.",
    "抱歉，我无法提供帮助。",
    "К сожалению, я не могу помочь с этим.",
]

ANSWERED = [
    "I can't wait to see your garden!",
    "I'm sorry to hear that. Here is what you can do: call your doctor.",
    "Sorry for the confusion! The answer is 4.",
    "You can't help everyone, but here is a plan.",
    "Sure, here is the code.",
    "I cannot overstate how good the tide table is.",
    "The function cannot provide a result when the list is empty.",
    "Unfortunately, the museum is closed on Mondays.",
    "def can_help(): return False",
]


@pytest.mark.parametrize("output", DECLINED)
def test_a_declined_answer_is_a_refusal(output: str) -> None:
    assert refused(None, ["stop"], output) is True


@pytest.mark.parametrize("output", ANSWERED)
def test_an_answer_is_none(output: str) -> None:
    assert refused(None, ["stop"], output) is False


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_some_reasons_to_stop_are_refusals_in_any_case(reason: str) -> None:
    assert refused(None, [reason.upper()], None) is True


def test_the_senders_own_judgement_stands() -> None:
    assert refused(False, ["content_filter"], DECLINED[0]) is False
    assert refused(True, [], ANSWERED[0]) is True


def test_without_any_sign_it_is_unknown() -> None:
    assert refused(None, ["stop"], None) is None
    assert accepted(raw(output=..., finish_reasons=...)).event.refused is None
    assert accepted(raw(output=DECLINED[0])).event.refused is True
