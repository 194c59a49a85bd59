"""The command line over one record, for the tests of commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.enforcement.sample import World
from vigil.cli import main


class Console:
    """Runs `vigil …` over one record."""

    def __init__(self, world: World) -> None:
        self.world = world

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    def text(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text(*arguments, "--json").splitlines()]

    def fails(self, *arguments: str) -> str:
        """What is said on wrong use."""
        result = self.run(*arguments)
        assert result.exit_code == 2, result.output
        return result.output


def show_time(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """The commands' clock shows `moment` and runs on from there."""
    monkeypatch.setenv("VIGIL_CLOCK__ORIGIN", moment.isoformat())
    monkeypatch.setenv("VIGIL_CLOCK__STARTED", datetime.now(UTC).isoformat())
