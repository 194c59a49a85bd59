"""What a detector keeps from one window to the next, and what it says about the present run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

MAX_ENTRIES = 5_000
MAX_BYTES = 64 * 2**10


class State:
    """A small map from key to value, kept in the record between runs, and the notes of one run.

    Values are anything msgspec can encode; they are read back as the type asked for. Bounded: the runner stores it
    after every run, so it holds summaries, never events.

    >>> state = State()
    >>> state.put("last", {"calls": 12})
    >>> state.get("last", dict[str, int])
    {'calls': 12}
    >>> state.get("never", int) is None
    True
    >>> sorted(state.changes())
    ['last']
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = dict(values or {})
        self._changed: set[str] = set()
        self.notes: dict[str, Any] = {}

    def get(self, key: str, type_: type[T]) -> T | None:
        """The value under `key`; None when there is none or it was written in another shape by an older version."""
        text = self._values.get(key)
        if text is None:
            return None
        try:
            return msgspec.json.decode(text, type=type_)
        except msgspec.DecodeError:
            return None

    def put(self, key: str, value: object) -> None:
        """Keep `value`. Raises ValueError beyond the bounds on entries and bytes: a detector must not hoard."""
        text = msgspec.json.encode(value, order="deterministic").decode()
        if len(text) > MAX_BYTES:
            raise ValueError(f"state {key!r} takes {len(text):,} bytes; the limit is {MAX_BYTES:,}")
        if key not in self._values and len(self._values) >= MAX_ENTRIES:
            raise ValueError(f"a detector's state holds at most {MAX_ENTRIES:,} entries; forget old ones first")
        if self._values.get(key) != text:
            self._values[key] = text
            self._changed.add(key)

    def forget(self, key: str) -> None:
        """Drop `key` if it is there."""
        if self._values.pop(key, None) is not None:
            self._changed.add(key)

    def keys(self, prefix: str = "") -> list[str]:
        """Keys that start with `prefix`, sorted."""
        return sorted(key for key in self._values if key.startswith(prefix))

    def note(self, name: str, value: Any) -> None:
        """Say something about this run (what it lacked, what it explained away); stored with the run, not kept."""
        self.notes[name] = value

    def changes(self) -> dict[str, str | None]:
        """Encoded values by key that changed since the last `saved`; None = forgotten."""
        return {key: self._values.get(key) for key in sorted(self._changed)}

    def saved(self) -> None:
        """The changes are stored."""
        self._changed.clear()

    def copy(self) -> State:
        """An independent state with the same values and unsaved changes, and no notes."""
        other = State(self._values)
        other._changed = set(self._changed)
        return other
