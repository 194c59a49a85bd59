"""`vigil embed` as a person or a supervisor runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from tests.embed.traffic import NOON, event, stored, write
from vigil.cli import main
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.warehouse import Warehouse

DAY = f"--since={NOON - timedelta(hours=12):%Y-%m-%d} --until={NOON + timedelta(hours=1):%Y-%m-%dT%H:%M:%S+00:00}"


@pytest.fixture
def url(warehouse: Warehouse, clickhouse: EmbeddedClickHouse, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of the test's own database, in the environment of commands."""
    address = clickhouse.url.rsplit("/", 1)[0] + "/" + warehouse.database
    monkeypatch.setenv("VIGIL_CLICKHOUSE__URL", address)
    return address


def vigil(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["embed", *arguments])


@pytest.mark.usefixtures("url")
def test_history_is_embedded_and_counted_for_people_and_programs(warehouse: Warehouse) -> None:
    write(warehouse, [event("one text"), event("another text"), event("one text")])
    done = vigil(*DAY.split(), "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["embedded"] == stored(warehouse) == 2
    assert (report["without_text"], report["device"]) == (0, "cpu")
    assert report["encoder"].startswith("static/")
    again = vigil(*DAY.split())
    assert again.exit_code == 0
    assert "0 texts embedded with static/" in again.output


@pytest.mark.usefixtures("url")
def test_once_embeds_the_last_day(warehouse: Warehouse) -> None:
    now = datetime.now(UTC)
    write(warehouse, [event("fresh", at=now), event("of this night", at=now - timedelta(hours=20))])
    write(warehouse, [event("of last week", at=now - timedelta(days=7))])
    assert vigil("--once").exit_code == 0
    assert stored(warehouse) == 2


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--share", "3/2"], "write 1/2 for the first of two copies"),
        (["--share", "0/2"], "write 1/2"),
        (["--until", "2026-11-01"], "say with --since where it starts"),
        (["--since", "yesterday"], "is not a time; write it like 2026-11-24T09:30:00Z"),
        (["--since", "2026-11-02", "--until", "2026-11-01"], "is not before"),
        (["--once", "--encoder", "glove"], "choose one of static, transformer"),
        (["--once", "--encoder", "static:/nowhere"], "no weights of the encoder static in /nowhere"),
        (["--once", "--device", "cuda"], "runs on the cpu only"),
    ],
)
def test_wrong_use_says_what_to_write_instead(arguments: list[str], message: str) -> None:
    done = vigil(*arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_once_without_clickhouse_is_a_dependency_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_CLICKHOUSE__URL", "clickhouse://vigil:x@127.0.0.1:1/vigil")
    done = vigil("--once")
    assert done.exit_code == 3
    assert "is it running?" in done.output


def test_the_worker_runs_until_it_is_told_to_stop(warehouse: Warehouse, url: str) -> None:
    write(warehouse, [event("arrived before the worker", at=datetime.now(UTC))])
    process = subprocess.Popen(
        [sys.executable, "-m", "vigil.cli", "embed"],
        env={**os.environ, "VIGIL_CLICKHOUSE__URL": url, "VIGIL_EMBED__EVERY_S": "0.2"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for expected in ("arrived before the worker", "arrived later"):
            line = process.stderr.readline()
            assert json.loads(line)["texts"] == 1, line
            assert expected not in line
            write(warehouse, [event("arrived later", at=datetime.now(UTC))])
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    assert stored(warehouse) == 2
