"""`vigil evaluate --input`: one line out for each good line in, in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ingest.enrich.patterns import KINDS
from jobs.evaluation.texts import SECRETS, BadLine, Scored, score, score_line
from vigil.cli import main

LINES = [
    {"id": "plain", "text": "How do I bake bread?", "role": "user"},
    {"id": 2, "text": "My mail is ann@example.com, my other one bob@example.com"},
    {"id": "key", "text": "use ghp_" + "a1B2" * 9, "role": "tool"},
    {"id": "quoted", "text": "what does <email> mean?", "role": "user"},
]
BAD = ['{"id": "x"}', "not json", '{"id": "y", "text": 3}', '{"id": "z", "text": "\\ud800"}', "[" * 5_000]


def test_good_lines_survive_bad_ones(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    good = [json.dumps(line) for line in LINES]
    path.write_text("\n".join([good[0], *BAD, *good[1:]]) + "\n")
    result = CliRunner().invoke(main, ["evaluate", "--input", str(path), "--json"])
    assert result.exit_code == 2, "bad input is said in the exit status"
    scored = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["id"] for one in scored] == ["plain", 2, "key", "quoted"]
    assert [one["flagged"] for one in scored] == [
        {"secret": False, "personal_data": False},
        {"secret": False, "personal_data": True},
        {"secret": True, "personal_data": False},
        {"secret": False, "personal_data": False},
    ]
    for number in range(2, 2 + len(BAD)):
        assert f"line {number}: " in result.stderr


def test_the_same_with_the_name_of_the_evaluation(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text(json.dumps(LINES[1]) + "\n")
    result = CliRunner().invoke(main, ["evaluate", "texts", "--input", str(path), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "id": 2,
        "scores": {"secret": 0.0, "personal_data": pytest.approx(2 / 3)},
        "flagged": {"secret": False, "personal_data": True},
    }
    for_people = CliRunner().invoke(main, ["evaluate", "texts", "--input", str(path)])
    assert "personal_data" in for_people.output
    assert CliRunner().invoke(main, ["evaluate", "texts"]).exit_code == 2


def test_every_kind_of_secret_is_one_of_redaction() -> None:
    assert {kind.name for kind in KINDS} > SECRETS


@given(st.binary())
def test_no_line_breaks_it(raw: bytes) -> None:
    assert isinstance(score_line(7, raw), Scored | BadLine)


@given(st.text(max_size=200))
def test_scores_are_shares(text: str) -> None:
    assert all(0 <= value < 1 for value in score(text).values())
