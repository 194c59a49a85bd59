"""The family of a client's software: `OpenAI/Python 1.52.0` and `OpenAI/Python 1.54.1` are one.

Browsers and well-known programs are told by uap-core's rules (ua-parser, with its own cache). SDKs of model providers
are not among them: those follow RFC 9110 (`product/version`), so the product names the family.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ua_parser import parse_user_agent

MAX_AGENT_CHARS = 512
MAX_FAMILY_CHARS = 64

_PRODUCT = re.compile(r"[A-Za-z][\w.+!#$%&'*^`|~-]*(?:/[A-Za-z][\w.-]*)?")


@lru_cache(maxsize=16_384)
def agent_family(user_agent: str) -> str | None:
    """The family, None where the text names no product.

    >>> agent_family("OpenAI/Python 1.52.0"), agent_family("python-requests/2.32.3"), agent_family("(none)")
    ('OpenAI/Python', 'Python Requests', None)
    """
    text = user_agent[:MAX_AGENT_CHARS]
    found = parse_user_agent(text)
    if found is not None and found.family != "Other":
        return found.family[:MAX_FAMILY_CHARS]
    product = _PRODUCT.match(text.lstrip())
    return product[0][:MAX_FAMILY_CHARS] if product else None
