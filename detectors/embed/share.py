"""Which part of the texts a copy of the worker takes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vigil.errors import UsageError


@dataclass(frozen=True)
class Share:
    """Share `number` of `of`, counted from 1: the texts whose fingerprint leaves `number - 1` when divided by `of`."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Share:
        """Raises UsageError unless `text` is like `2/3`.

        >>> Share.parse("2/3")
        Share(number=2, of=3)
        """
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise UsageError(f"--share {text!r}: write 1/2 for the first of two copies, 2/2 for the second")
        return cls(int(match[1]), int(match[2]))
