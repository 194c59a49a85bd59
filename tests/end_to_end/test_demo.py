"""`vigil demo` as a person runs it: found and contained on the real stack, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

VIGIL = [sys.executable, "-m", "vigil.cli"]


def surroundings(folder: Path) -> dict[str, str]:
    # A setting of somebody's real service, which the demonstration must ignore; its folder of temporary files.
    return {**os.environ, "VIGIL_CLICKHOUSE__URL": "clickhouse://127.0.0.1:1/production", "TMPDIR": str(folder)}


def descendants(pid: int) -> set[int]:
    """Process ids of all living descendants of `pid`."""
    children: dict[int, set[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                children.setdefault(int(fields[1]), set()).add(int(entry.name))
    found: set[int] = set()
    level = {pid}
    while level:
        level = set().union(*(children.get(one, set()) for one in level)) - found
        found |= level
    return found


@pytest.mark.slow
@pytest.mark.timeout(290)
def test_both_attacks_are_found_and_contained_and_nobody_else_is_touched(tmp_path: Path) -> None:
    done = subprocess.run(
        [*VIGIL, "demo", "--once", "--json", "--speed", "100"],
        env=surroundings(tmp_path),
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["ok"] is True
    assert result["problems"] == []
    assert result["dead_letters"] == 0
    assert result["events"]["played"] == result["events"]["stored"] > 2_000
    assert [attack["scenario"] for attack in result["attacks"]] == ["template_campaign", "bulk_account"]
    for attack in result["attacks"]:
        assert attack["began"] < attack["found_at"] <= attack["contained_at"]
        assert attack["restricted"] >= 0.8 * attack["accounts"]
    assert [one["untouched"] for one in result["lookalikes"]] == [True, True]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_interrupt_takes_everything_down(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [*VIGIL, "demo", "--once"],
        env=surroundings(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if "importing" in line:
            break
    servers = descendants(demo.pid)
    assert servers, "the servers run by now"
    demo.send_signal(signal.SIGINT)
    output = demo.communicate(timeout=60)[0]
    assert demo.returncode == 130, output
    assert "everything has been taken down" in output
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in servers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in servers)
    assert list(tmp_path.iterdir()) == []
