"""Families of client software."""

from __future__ import annotations

import pytest

from ingest.enrich.agents import agent_family
from tests.ingest.events import accepted, raw


@pytest.mark.parametrize(
    ("agent", "family"),
    [
        ("OpenAI/Python 1.52.0", "OpenAI/Python"),
        ("AsyncOpenAI/Python 1.54.1", "AsyncOpenAI/Python"),
        ("Anthropic/JS 0.30.1", "Anthropic/JS"),
        ("litellm/1.50.2", "litellm"),
        ("langchain-core/0.3 python/3.12", "langchain-core"),
        ("python-requests/2.32.3", "Python Requests"),
        ("curl/8.7.1", "curl"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
            "Chrome",
        ),
        ("(none)", None),
        ("", None),
    ],
)
def test_versions_of_one_software_are_one_family(agent: str, family: str | None) -> None:
    assert agent_family(agent) == family


def test_the_event_carries_the_family_beside_the_text() -> None:
    got = accepted(raw(user_agent="OpenAI/Python 1.52.0")).event
    assert (got.user_agent, got.agent_family) == ("OpenAI/Python 1.52.0", "OpenAI/Python")
    assert accepted(raw(user_agent=...)).event.agent_family is None


def test_a_hostile_text_yields_a_bounded_name() -> None:
    assert len(agent_family("A" * 1_000_000) or "") <= 64
