"""YAML read with its lines, so that every message about a policy names file and line.

Only plain data: no tags, no anchors (which can unfold to gigabytes), no key twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NoReturn

import yaml

from enforcement.policies.nearest import nearest
from vigil.errors import ConfigError

_MAX_BYTES = 256 * 1024
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([1-9]\d{0,6})([smhd])")
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%")
_LONGEST = timedelta(days=3_650)


class Value:
    """One value of a YAML file and where it stands."""

    def __init__(self, node: yaml.Node, file: str, path: str) -> None:
        self._node = node
        self._file = file
        self.path = path

    def fail(self, message: str) -> NoReturn:
        """Raise ConfigError: file, line, which field, what is wrong."""
        where = f" in {self.path}:" if self.path else ""
        raise ConfigError(f"{self._file}:{self._node.start_mark.line + 1}:{where} {message}")

    @property
    def is_mapping(self) -> bool:
        """Whether it is `key: value` pairs."""
        return isinstance(self._node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self._node, yaml.SequenceNode)

    def mapping(self, known: Iterable[str], required: Iterable[str] = ()) -> dict[str, Value]:
        """The pairs, all of `known` names. Fails on an unknown name (with the nearest), a name twice, a missing one."""
        names = tuple(known)
        if not isinstance(self._node, yaml.MappingNode):
            self.fail(f"expected {{{', '.join(names)}}}, found {self._shown()}")
        found: dict[str, Value] = {}
        for key, value in self._node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            inner = Value(value, self._file, f"{self.path}.{name}" if self.path else name)
            here = Value(key, self._file, self.path)
            if name not in names:
                here.fail(f"unknown field {name!r}{nearest(name, names)}")
            if name in found:
                here.fail(f"{name!r} stands here twice")
            found[name] = inner
        for name in required:
            if name not in found:
                self.fail(f"{name!r} is missing")
        return found

    def items(self) -> list[Value]:
        """The items of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            self.fail(f"expected a list, found {self._shown()}")
        return [
            Value(node, self._file, f"{self.path}[{number}]") for number, node in enumerate(self._node.value, start=1)
        ]

    def text(self, expected: str = "a text") -> str:
        """A text that is not empty."""
        if not isinstance(self._node, yaml.ScalarNode) or self._node.tag == "tag:yaml.org,2002:null":
            self.fail(f"expected {expected}, found {self._shown()}")
        value = str(self._node.value).strip()
        if not value:
            self.fail(f"expected {expected}, found nothing")
        return value

    def one_of(self, known: Iterable[str]) -> str:
        """A text that is one of `known`."""
        names, value = tuple(known), self.text("one of " + ", ".join(known))
        if value not in names:
            self.fail(f"{value!r} is none of the values there are{nearest(value, names)}")
        return value

    def whole(self, least: int = 1, most: int = 10**9) -> int:
        """A whole number within bounds."""
        text = self.text("a whole number")
        if not re.fullmatch(r"\d{1,12}", text) or not least <= int(text) <= most:
            self.fail(f"expected a whole number from {least:,} to {most:,}, found {text!r}")
        return int(text)

    def number(self) -> float:
        """A number."""
        text = self.text("a number")
        try:
            return float(text)
        except ValueError:
            self.fail(f"expected a number, found {text!r}")

    def plain(self) -> dict[str, Any]:
        """Any pairs, as plain values; for facts, whose names and types are open."""
        found = yaml.constructor.SafeConstructor().construct_document(self._node)
        if not isinstance(found, dict):
            self.fail(f"expected pairs, found {self._shown()}")
        return found

    def duration(self) -> timedelta:
        """A span such as `24h`."""
        text = self.text("a span such as 30m, 24h or 7d")
        span = parse_span(text)
        if span is None:
            self.fail(f"expected a span such as 90s, 30m, 24h or 7d (up to ten years), found {text!r}")
        return span

    def share(self) -> float:
        """A percentage such as `0.5%`, as a share in (0, 1]."""
        text = self.text("a percentage such as 0.5%")
        match = _PERCENT.fullmatch(text)
        if match is None or not 0 < float(match[1]) <= 100:
            self.fail(f"expected a percentage above 0% and up to 100%, found {text!r}")
        return float(match[1]) / 100

    def time_of_day(self) -> time:
        """A time of day such as `06:00`. (YAML 1.1 reads an unquoted `06:00` as a text here: nothing is resolved.)"""
        text = self.text("a time of day in UTC such as 06:00")
        match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", text)
        if match is None:
            self.fail(f"expected a time of day in UTC such as 06:00, found {text!r}")
        return time(int(match[1]), int(match[2]), tzinfo=UTC)

    def moment(self) -> datetime:
        """A day (its start in UTC) or a time with its UTC offset."""
        text = self.text("a day such as 2027-01-01")
        try:
            if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
                day = date.fromisoformat(text)
                return datetime(day.year, day.month, day.day, tzinfo=UTC)
            found = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"expected a day such as 2027-01-01 or a time such as 2027-01-01T12:00:00Z, found {text!r}")
        if found.tzinfo is None:
            self.fail(f"{text!r} needs a UTC offset, e.g. {text}Z")
        return found.astimezone(UTC)

    def _shown(self) -> str:
        if isinstance(self._node, yaml.MappingNode):
            return "key: value pairs"
        if isinstance(self._node, yaml.SequenceNode):
            return "a list"
        value = str(self._node.value)
        return repr(value) if value else "nothing"


def read(file: Path, shown: str | None = None) -> tuple[str, Value]:
    """Text and top value of a YAML file. Raises ConfigError naming file and line; `shown` is how the file is called."""
    name = shown or str(file)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{name} has {len(data):,} bytes; a policy file may have {_MAX_BYTES:,}")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8 at byte {error.start}") from error
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken):
                line = token.start_mark.line + 1
                raise ConfigError(f"{name}:{line}: anchors, aliases and tags are not allowed in a policy")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{name}{place}: not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{name}: not valid YAML: {str(error).splitlines()[0]}") from error
    if node is None:
        raise ConfigError(f"{name} is empty; it should hold one policy")
    return text, Value(node, name, "")


def parse_span(text: str) -> timedelta | None:
    """The span that `90s`, `30m`, `24h` or `7d` means, up to ten years; None for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    seconds = int(match[1]) * _UNITS[match[2]]
    return timedelta(seconds=seconds) if seconds <= _LONGEST.total_seconds() else None


def spelled(span: timedelta) -> str:
    """A span as a policy spells it: `24h`, `7d`."""
    seconds = int(span.total_seconds())
    unit = next(unit for unit, size in reversed(_UNITS.items()) if seconds % size == 0)
    return f"{seconds // _UNITS[unit]}{unit}"
