"""Running `vigil` in a test: in this process, with an environment of the test's own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from vigil.cli import main


def environment(workspace: Path, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VIGIL_")}
    return {**inherited, "VIGIL_WORKSPACE": str(workspace), **more}


def vigil(workspace: Path, *arguments: str, **more: str) -> Result:
    """Run a command in this process (`--detach` starts another), with no other VIGIL_ variables than these."""
    cleared: dict[str, str | None] = {name: None for name in os.environ if name.startswith("VIGIL_")}
    env = {**cleared, "VIGIL_WORKSPACE": str(workspace), **more}
    return CliRunner().invoke(main, arguments, env=env)


def findings(done: Result) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in map(json.loads, done.stdout.splitlines())}
