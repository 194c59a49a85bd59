"""`vigil replay` from files to files."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vigil.cli import main
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.warehouse import Warehouse

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def event(at: datetime, account: str = "a1", **more: object) -> dict[str, Any]:
    return {"event_time": at.isoformat(), "account_id": account, "tenant_id": "acme", "source": "gateway", **more}


def write(path: Path, events: list[dict[str, Any] | bytes]) -> Path:
    lines = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in events]
    data = b"\n".join(lines) + b"\n"
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def replay(*arguments: object, expected: int = 0) -> Result:
    environment = {"VIGIL_CLICKHOUSE__URL": "clickhouse://nobody@127.0.0.1:1/x", "VIGIL_RECORD__URL": "sqlite:////x/y"}
    result = CliRunner().invoke(main, ["replay", *map(str, arguments)], env=environment)
    assert result.exit_code == expected, result.output
    return result


def stored(workspace: Path) -> list[tuple[Any, ...]]:
    """What the kept workspace holds, read as `vigil up` would."""
    server = EmbeddedClickHouse(workspace / "clickhouse", workspace / "logs" / "again.log")
    server.start()
    try:
        warehouse = Warehouse(server.url)
        rows = warehouse.query("SELECT account_id, event_id, event_time, received_at FROM events ORDER BY event_time")
        warehouse.close()
        return rows
    finally:
        server.stop()


def test_every_line_is_written_a_duplicate_or_a_dead_letter(tmp_path: Path) -> None:
    twice = event(NOON + 10 * MINUTE, "twice", event_id=str(uuid.uuid4()))
    late_twice = event(NOON + 20 * MINUTE, "late-twice", response_id="r1")
    lines: list[dict[str, Any] | bytes] = [event(NOON + n * MINUTE) for n in range(90)]
    lines[10:10] = [twice, twice, b"rubbish", b"\xff", event(NOON, input_tokens=-5)]
    lines[30:30] = [late_twice, event(NOON + 300 * 24 * 60 * MINUTE, "from-the-future")]
    lines += [late_twice, event(NOON + 5 * MINUTE, "late"), event(datetime(1970, 1, 1, tzinfo=UTC), "from-1970")]
    one = write(tmp_path / "one.jsonl", lines)
    two = write(tmp_path / "two.jsonl.gz", [event(NOON + 30 * MINUTE, "b"), twice])
    out, kept = tmp_path / "out", tmp_path / "kept"
    result = replay(one, two, "--out", out, "--workspace", kept, "--json")

    summary = json.loads((out / "summary.json").read_text())
    assert json.loads(result.output.splitlines()[-1]) == summary
    assert set(summary) == {"events", "incidents", "actions", "seconds", "events_per_second"}
    assert summary["events"] == {"read": 102, "written": 94, "duplicates": 3, "dead_lettered": 5}
    assert set(summary["seconds"]) == {"total", "ingest", "detect", "enforce"}
    rows = stored(kept)
    assert len(rows) == len({row[1] for row in rows}) == 94
    assert {row[0] for row in rows} == {"a1", "b", "twice", "late-twice", "late"}
    assert all(received == at for account, _, at, received in rows if account == "a1")
    ((late_at, late_received),) = [row[2:] for row in rows if row[0] == "late"]
    assert (late_at, late_received) == (NOON + 5 * MINUTE, NOON + 89 * MINUTE)

    again = replay(two, "--out", out, "--workspace", kept)
    assert "2 events read: 2 written" in again.output, "a replay's own workspace starts empty"
    assert "did not come to its end" not in again.output


def test_a_damaged_file_is_replayed_up_to_the_damage_and_fails_at_the_end(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl.gz", [event(NOON + n * MINUTE, f"account-{n}") for n in range(2_000)])
    path.write_bytes(path.read_bytes()[:-1_000])
    result = replay(path, "--out", tmp_path / "out", "--since", "2026-03-01T12:10:00", expected=2)
    assert "damaged after line" in result.output
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert 0 < summary["events"]["written"] == summary["events"]["read"] < 1_990


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["missing.jsonl", "--out", "out"], 2, "cannot read missing.jsonl"),
        (["f.jsonl"], 2, "Missing option '--out'"),
        (["f.jsonl", "--out", "out", "--since", "yesterday"], 2, "is not a time"),
        (["f.jsonl", "--out", "out", "--since", "2026-03-02", "--until", "2026-03-01"], 2, "is not before --until"),
        (["f.jsonl", "--out", "out", "--policies", "missing"], 2, "missing"),
        (["f.jsonl", "--out", "out", "--exceptions", "f.jsonl"], 2, "expected an array"),
        (["f.jsonl", "--out", "out", "--workspace", "service"], 2, "is the workspace of something else"),
        (["f.jsonl", "--out", "f.jsonl/out"], 3, "choose another --out"),
    ],
)
def test_wrong_use_is_answered_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "f.jsonl", [event(NOON)])
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "record.sqlite").touch()
    assert message in replay(*arguments, expected=status).output
    assert (tmp_path / "service" / "record.sqlite").exists()


def test_a_replay_that_is_terminated_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "endless.jsonl"
    os.mkfifo(path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "vigil.cli", "replay", str(path), "--out", str(tmp_path / "out")]
    child = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    with path.open("wb") as pipe:  # waits until it opens the file, and then its server runs
        pipe.write(json.dumps(event(NOON)).encode() + b"\n")
        pipe.flush()
        (server,) = temporary.glob("vigil-replay-*/clickhouse/config.xml")
        child.send_signal(signal.SIGTERM)
        _, errors = child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGTERM, errors
    assert list(temporary.iterdir()) == []
    assert not server.exists()


def test_a_killed_replay_starts_over_and_says_so(tmp_path: Path) -> None:
    path, kept = tmp_path / "endless.jsonl", tmp_path / "kept"
    os.mkfifo(path)
    command = [sys.executable, "-m", "vigil.cli", "replay", str(path), "--out", str(tmp_path / "out")]
    command += ["--workspace", str(kept), "--json"]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    with path.open("wb"):  # waits until it opens the file, and then its server runs
        child.kill()
        child.wait(timeout=60)
    path.unlink()
    write(path, [event(NOON), event(NOON + MINUTE, "a2")])
    again = subprocess.run(command, capture_output=True, timeout=120, text=True, check=True)
    assert "did not come to its end; this one starts from the beginning" in again.stderr
    assert json.loads(again.stdout)["events"] == {"read": 2, "written": 2, "duplicates": 0, "dead_lettered": 0}
