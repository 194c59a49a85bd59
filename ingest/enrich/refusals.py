"""Whether the model declined, from whatever the sender gives: a field, how the answer ended, or its first words.

The field is the sender's own judgement and stands. Else a finish reason that only a refusal or a filter has decides;
else the beginning of the answer, read conservatively: a refusal opens with an apology or "I cannot", and names the help
it withholds. Without any of them it is unknown, which is not "answered".
"""

from __future__ import annotations

from collections.abc import Sequence

import re2

MAX_CHARS = 240
"""Read of an answer: refusals say so at once."""

REASONS = frozenset(
    {
        "refusal", "content_filter", "content_filtered", "content-filter", "safety", "prohibited_content", "blocklist",
        "spii", "guardrail_intervened", "recitation", "image_safety", "model_armor", "error_toxic",
    }
)  # fmt: skip
"""Finish reasons of OpenAI, Anthropic, Google, Bedrock, Cohere and OpenTelemetry that mean a declined answer."""

_OPENINGS = re2.compile(
    r"(?i)^[\s\"'*_>#]*(?:"
    r"(?:(?:i['’]?m|i am)\s+(?:really\s+|very\s+|so\s+)?sorry|sorry|apologies|i apologi[sz]e|unfortunately)\b[^.!?\n]{0,60}?"
    r"\b(?:i\s+)?(?:can['’]?t|cannot|can not|won['’]?t|am unable|['’]m unable|am not able|['’]m not able|must decline|not able)\b"
    r"|i\s+(?:can['’]?t|cannot|can not|won['’]?t|will not|must decline to|am unable to|am not able to)\s+(?:\w+\s+){0,2}?"
    r"(?:help|assist|provide|comply|support|create|generate|write|fulfil+|engage|participate|do that|share|offer|give|continue)"
    r"|i['’]m\s+(?:unable|not able)\s+to\s+(?:help|assist|provide|comply|create|generate|write|fulfil+)"
    r"|es tut mir leid|tut mir leid|das kann ich nicht|dabei kann ich (?:dir |ihnen )?nicht"
    r"|je suis désolé|désolé, (?:mais )?je ne peux|je ne peux pas (?:vous )?(?:aider|fournir)"
    r"|lo siento, (?:pero )?no puedo|no puedo (?:ayudar|proporcionar)"
    r"|desculpe, (?:mas )?não posso|sinto muito, (?:mas )?não posso|não posso (?:ajudar|fornecer)"
    r"|mi dispiace, (?:ma )?non posso|non posso (?:aiutar|fornire)"
    r"|(?:извините|простите|к сожалению), (?:но )?я не могу|я не могу (?:помочь|предоставить)"
    r"|(?:很)?抱歉，?(?:但)?(?:我)?(?:不能|无法)|对不起，?(?:我)?(?:不能|无法)|我(?:不能|无法)(?:提供|协助|帮助)"
    r"|申し訳(?:ありません|ございません)が|죄송하지만"
    r")"
)


def refused(field: bool | None, finish_reasons: Sequence[str], output: str | None) -> bool | None:
    """Whether the model declined; None when nothing says so either way.

    >>> refused(None, ["stop"], "I'm sorry, but I can't help with that."), refused(None, ["content_filter"], None)
    (True, True)
    >>> refused(None, ["stop"], "I can't wait to see it!"), refused(None, ["stop"], None)
    (False, None)
    """
    if field is not None:
        return field
    if any(reason.lower() in REASONS for reason in finish_reasons):
        return True
    if not output:
        return None
    return _OPENINGS.match(output[:MAX_CHARS]) is not None
