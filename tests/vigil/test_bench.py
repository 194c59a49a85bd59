"""`vigil bench`: scripts are found, parameters are typed, the last line is the JSON object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from vigil import bench as module
from vigil.bench import bench, parse_assignments, scripts
from vigil.errors import UsageError

SCRIPT = '''
"""Counts to a number."""
from __future__ import annotations
from pathlib import Path

def run(*, limit: int = 3, share: float = 0.5, label: str = "x", fast: bool = False, data: Path = Path(".")) -> dict[str, object]:
    print("counting")
    return {"counted": limit, "share": share, "label": label, "fast": fast, "many": 1234567.0}
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "counting.py").write_text(SCRIPT)
    (tmp_path / "_shared.py").write_text("raise RuntimeError('not a benchmark')")
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    return tmp_path


def test_the_last_line_is_one_json_object(folder: Path) -> None:
    result = CliRunner().invoke(bench, ["counting", "--json", "--set", "limit=1_000", "--set", "fast=true"])
    assert result.exit_code == 0
    assert json.loads(result.output.splitlines()[-1]) == {
        "counted": 1000,
        "share": 0.5,
        "label": "x",
        "fast": True,
        "many": 1234567.0,
    }


def test_people_get_a_table(folder: Path) -> None:
    result = CliRunner().invoke(bench, ["counting", "--set", "share=0.25"])
    assert "Counts to a number." in result.output
    assert "1,234,567.0" in result.output
    assert "0.250" in result.output


def test_without_a_name_it_lists(folder: Path) -> None:
    assert [json.loads(line)["name"] for line in CliRunner().invoke(bench, ["--json"]).output.splitlines()] == [
        "counting"
    ]
    assert "limit=3" in CliRunner().invoke(bench, []).output.replace("\n", " ")


def test_unknown_names_get_a_hint(folder: Path) -> None:
    result = CliRunner().invoke(bench, ["countin"])
    assert "did you mean 'counting'" in str(result.exception)


def test_outside_a_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="checkout of the repository"):
        scripts(tmp_path / "absent")


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("limit=many", "a whole number"),
        ("fast=maybe", "true or false"),
        ("depth=1", "one of limit"),
        ("limit", "NAME=VALUE"),
    ],
)
def test_wrong_parameters_are_named(assignment: str, message: str) -> None:
    def run(*, limit: int = 1, fast: bool = False) -> None: ...

    with pytest.raises(UsageError, match=message):
        parse_assignments(run, [assignment])


def test_the_real_benchmarks_can_be_listed() -> None:
    available = scripts(module.FOLDER)
    assert available.keys() >= {"latency"}
    result = CliRunner().invoke(bench, ["--json"])
    assert {json.loads(line)["name"] for line in result.output.splitlines()} == set(available)
