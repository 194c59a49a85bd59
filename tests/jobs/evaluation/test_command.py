"""`vigil evaluate`: evaluations are found and loaded by name, and a regression is a finding."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from jobs.evaluation import command
from jobs.evaluation.command import evaluate
from vigil.cli import main

SCRIPT = '''
"""Counts the files."""
from __future__ import annotations
from pathlib import Path

def run(*, data: Path, worse: bool = False, report: Path | None = None) -> dict[str, object]:
    print("counting")
    return {"files": len(list(data.iterdir())), "report": str(report), "regressions": ["files"] if worse else []}
'''


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    module = ModuleType("counting_of_a_test")
    exec(SCRIPT, module.__dict__)  # noqa: S102 - a module of the test's own
    module.__doc__ = "Counts the files."
    monkeypatch.setitem(sys.modules, "counting_of_a_test", module)
    monkeypatch.setattr(command, "EVALUATIONS", {"counting": "counting_of_a_test"})
    monkeypatch.setattr(command, "_exists", lambda name: name in sys.modules)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "one").touch()
    return folder


def test_the_last_line_is_one_json_object(data: Path) -> None:
    result = CliRunner().invoke(evaluate, ["counting", "--json", "--data", str(data), "--set", "report=x.html"])
    assert result.exit_code == 0
    assert json.loads(result.output.splitlines()[-1]) == {"files": 1, "report": "x.html", "regressions": []}


def test_a_regression_is_a_finding(data: Path) -> None:
    result = CliRunner().invoke(evaluate, ["counting", "--data", str(data), "--set", "worse=true"])
    assert result.exit_code == 1
    assert "Counts the files." in result.output


def test_without_a_name_it_lists_what_set_takes(data: Path) -> None:
    (line,) = CliRunner().invoke(evaluate, ["--json"]).output.splitlines()
    assert json.loads(line) == {
        "name": "counting",
        "summary": "Counts the files.",
        "parameters": {"worse": False, "report": None},
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["countin"], "did you mean 'counting'?"),
        (["counting", "--set", "data=x"], "with NAME one of worse, report"),
        (["counting", "--set", "worse=perhaps"], "is not true or false"),
        (["counting", "--input", "x.jsonl"], "--input is for texts"),
    ],
)
def test_wrong_use_says_what_to_write(data: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["evaluate", *arguments])
    assert result.exit_code == 2
    assert message in result.output


def test_every_listed_evaluation_can_be_loaded() -> None:
    known = command.available()
    assert {"suite", "null", "replayed", "texts"} <= set(known)
    for name in known:
        module = command.load(name, known)
        assert module.__doc__
        assert callable(module.run)
