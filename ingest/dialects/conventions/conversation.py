"""What was said, put into the event's fields: whichever convention is read first fills a field, later ones only gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingest.dialects.chat import Turn, joined, messages


def put_input(fields: dict[str, Any], conversation: Sequence[Turn]) -> None:
    """What was sent."""
    if conversation and "input" not in fields:
        fields["input"] = messages(conversation)


def put_output(fields: dict[str, Any], answers: Sequence[Turn]) -> None:
    """What the model answered: its text, the tools it calls, whether it declined, how it ended."""
    if not answers:
        return
    text = joined(answers)
    if text is not None:
        fields.setdefault("output", text)
    tools = tuple(tool for answer in answers for tool in answer.tools)
    if tools:
        fields.setdefault("tool_names", tools)
    if any(answer.refused for answer in answers):
        fields.setdefault("refused", True)
    reasons = tuple(answer.finish_reason for answer in answers if answer.finish_reason)
    if reasons:
        fields.setdefault("finish_reasons", reasons)
