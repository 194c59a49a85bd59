"""Token counts under one meaning: `input_tokens` includes those read from and written to a cache.

OpenAI, Google, LiteLLM and OpenTelemetry count cached tokens among the input; Anthropic's own API and Bedrock do not,
and instrumentations copy what their provider says. Where the count of cached tokens exceeds the input, it cannot have
been included; otherwise it is taken to be, as the conventions ask.
"""

from __future__ import annotations


def with_cached(
    input_tokens: int | None, cache_read: int | None, cache_creation: int | None, *, excluded: bool = False
) -> int | None:
    """The input including cached tokens. `excluded`: the sender is known to leave them out. Unknown stays unknown.

    >>> with_cached(20, 5, None), with_cached(20, 900, 30), with_cached(20, 5, None, excluded=True)
    (20, 950, 25)
    >>> with_cached(None, 5, None) is None
    True
    """
    if input_tokens is None:
        return None
    cached = (cache_read or 0) + (cache_creation or 0)
    return input_tokens + cached if excluded or cached > input_tokens else input_tokens
