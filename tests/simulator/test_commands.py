"""`vigil simulate` as a person uses it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from click.testing import CliRunner

from simulator.commands import simulate
from simulator.scenarios.base import all_scenarios
from vigil.permitted import PermittedPrincipals

ARGUMENTS = ["--scenario", "template_campaign", "--start", "2026-11-20T08:00:00Z", "--duration", "2h", "--quiet", "30m"]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(simulate, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
def test_files_hold_one_event_a_line(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"events{suffix}"
    summary = json.loads(run(*ARGUMENTS, "--out", str(target), "--truth", str(tmp_path / "truth.json"), "--json"))
    raw = target.read_bytes()
    if suffix.endswith(".gz"):
        raw = gzip.decompress(raw)
    elif suffix.endswith(".zst"):
        raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    lines = raw.splitlines()
    assert len(lines) == summary["events"] > 500
    assert {"event_time", "account_id", "tenant_id", "event_id"} <= json.loads(lines[0]).keys()
    assert json.loads((tmp_path / "truth.json").read_bytes())["instances"][0]["scenario"] == "template_campaign"


def test_permitted_principals_are_written_as_replay_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "exceptions.json"
    options = ["--scenario", "red_team", *ARGUMENTS[2:], "--out", str(tmp_path / "e.jsonl")]
    run(*options, "--exceptions", str(file), "--truth", str(tmp_path / "truth.json"))
    [permission] = PermittedPrincipals.load(file).permissions
    [instance] = json.loads((tmp_path / "truth.json").read_bytes())["instances"]
    accounts = {subject["id"] for subject in instance["subjects"]}
    orgs = {
        event["org_id"]
        for event in map(json.loads, (tmp_path / "e.jsonl").read_bytes().splitlines())
        if event["account_id"] in accounts
    }
    assert orgs == {permission.org_id}


def test_first_messages_come_from_the_pool_when_there_is_one(tmp_path: Path) -> None:
    pool = tmp_path / "pool.txt"
    pool.write_text("\n".join(f"real prompt {number}" for number in range(120)))
    run(*ARGUMENTS[2:], "--pool", str(pool), "--out", str(tmp_path / "e.jsonl"))
    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_bytes().splitlines()]
    people = [event for event in events if "input" in event and "system" not in event]
    first = [event["input"][0]["content"] for event in people if event["input"][0]["role"] == "user"]
    assert first
    assert sum(text.startswith("real prompt") for text in first) > 0.9 * len(first)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "does not exist"), ("one\ntwo\n", "at least 100"), ("not parquet", "not a readable")],
)
def test_a_pool_that_cannot_be_used_is_said_so(tmp_path: Path, content: str | None, message: str) -> None:
    pool = tmp_path / ("pool.parquet" if content == "not parquet" else "pool.txt")
    if content is not None:
        pool.write_text(content)
    result = CliRunner().invoke(simulate, [*ARGUMENTS, "--pool", str(pool), "--out", str(tmp_path / "e.jsonl")])
    assert message in str(result.exception)


def test_bytes_do_not_depend_on_the_process() -> None:
    """Python's string hashing differs from process to process; the events may not."""
    digests = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "vigil.cli", "simulate", *ARGUMENTS, "--out", "-"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        )
        assert done.stdout.startswith(b"{")
        digests.add(hashlib.sha256(done.stdout).hexdigest())
    assert len(digests) == 1


def test_the_list_describes_every_scenario() -> None:
    described = [json.loads(line) for line in run("list", "--json").splitlines()]
    assert [entry["name"] for entry in described] == list(all_scenarios())
    for_people = run("list")
    assert all(name in for_people for name in all_scenarios())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--out FILE"),
        (["--out", "x", "--topic", "y"], "--out FILE"),
        (["--out", "x", "--duration", "soon"], "not a length of time"),
        (["--out", "x", "--start", "yesterday"], "not a time"),
        (["--out", "/nonexistent/x.jsonl"], "cannot write"),
    ],
)
def test_wrong_use_says_what_to_do(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(simulate, arguments)
    assert result.exit_code != 0
    assert message in result.output + str(result.exception)
