"""Checkpoints: a chain that was cut off or rewritten shows against what was signed."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from enforcement.checkpoints import Checkpointer, read_file, signing_key
from tests.enforcement.console import Console
from tests.enforcement.sample import NOW, RING_THROTTLE, World, policy, ring
from vigil.clock import SimulatedClock
from vigil.errors import ConfigError, UsageError
from vigil.record import Record, checkpoints, ledger
from vigil.settings import EnforcementSettings, Settings


def scene(record: Record, tmp_path: Path) -> tuple[World, Checkpointer]:
    world = World(record, [policy(tmp_path, RING_THROTTLE)])
    world.open(ring("a"))
    world.settle()
    return world, Checkpointer(record, world.clock, Settings(workspace=tmp_path))


def test_one_a_day_signed_and_taken_out(record: Record, tmp_path: Path) -> None:
    world, checkpointer = scene(record, tmp_path)
    first = checkpointer.run_once()
    assert first is not None
    assert (first.day, first.problem(), first.problem("0" * 64) is None) == ("2026-11-01", None, False)
    assert checkpointer.run_once() is None
    world.clock.advance(timedelta(days=1))
    world.open(ring("b", incident_id="inc_2"))
    world.settle()
    second = checkpointer.run_once()
    assert second is not None
    assert read_file(checkpointer.file) == [first, second]
    with record.read() as connection:
        assert ledger.verify(connection, [first.head, second.head]).ok
    key = tmp_path / "ledger.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert second.public_key == first.public_key
    checkpointer.file.unlink()
    checkpointer.run_once()
    assert read_file(checkpointer.file) == [first, second], "what the file lacks is appended"


def test_an_empty_ledger_has_no_checkpoint(record: Record, tmp_path: Path) -> None:
    assert Checkpointer(record, SimulatedClock(NOW), Settings(workspace=tmp_path)).run_once() is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("seq", 1), ("hash", "0" * 64), ("day", "2026-11-02"), ("signature", "00"), ("public_key", "x")],
)
def test_a_forged_checkpoint_shows(record: Record, tmp_path: Path, field: str, value: object) -> None:
    _, checkpointer = scene(record, tmp_path)
    taken = checkpointer.run_once()
    assert taken is not None
    forged = msgspec.structs.replace(taken, **{field: value})
    assert "does not hold" in (forged.problem() or "")
    assert checkpoints.problems([taken, forged]) == [forged.problem()]


def test_keys(tmp_path: Path) -> None:
    wrong = EnforcementSettings.model_validate({"checkpoint_key": "abc"})
    with pytest.raises(ConfigError, match="must be 64 hex digits"):
        signing_key(Settings(workspace=tmp_path, enforcement=wrong))
    right = EnforcementSettings.model_validate({"checkpoint_key": "11" * 32})
    key = signing_key(Settings(workspace=tmp_path, enforcement=right))
    assert key.private_bytes_raw() == b"\x11" * 32
    assert not (tmp_path / "ledger.key").exists()


def test_the_command_finds_a_chain_that_was_cut_off(console: Console, tmp_path: Path) -> None:
    console.world.open(ring("a", "b"))
    console.world.settle()
    assert "signed with" in console.text("ledger", "checkpoint")
    assert "has its checkpoint already" in console.text("ledger", "checkpoint")
    assert "1 checkpoint(s) hold as well" in console.text("ledger", "verify")
    kept = tmp_path / "ledger-checkpoints.jsonl"
    [taken] = read_file(kept)
    assert console.text("ledger", "verify", "--checkpoints", str(kept), "--public-key", taken.public_key)
    other = console.run("ledger", "verify", "--public-key", "0" * 64)
    assert (other.exit_code, "signed with another key" in other.output) == (1, True)
    with console.world.record.write() as connection:
        for table in ("ledger", "ledger_checkpoints"):
            connection.execute(text(f"DROP TRIGGER {table}_no_delete"))
        connection.execute(text("DELETE FROM ledger WHERE seq > 1"))
        connection.execute(text("DELETE FROM ledger_checkpoints"))
    assert console.run("ledger", "verify").exit_code == 0, "the database alone cannot show it"
    cut = console.run("ledger", "verify", "--checkpoints", str(kept))
    assert cut.exit_code == 1
    assert "are missing: the chain ended at" in cut.output
    kept.write_text("{}\n")
    with pytest.raises(UsageError, match=r"jsonl:1: not a checkpoint"):
        read_file(kept)
