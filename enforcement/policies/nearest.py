"""Naming the name somebody probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """What to add to "there is no such name": the nearest there is, else all there are.

    >>> nearest("sevrity", ["kind", "severity"])
    "; did you mean 'severity'?"
    >>> nearest("x", ["kind", "severity"])
    '; there are kind, severity'
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}"
