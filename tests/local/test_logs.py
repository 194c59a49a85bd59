"""Logs stay bounded while their writers keep them open."""

from __future__ import annotations

from pathlib import Path

from vigil.local.logs import shorten


def test_a_large_log_moves_aside_and_its_writer_goes_on_at_the_start(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        assert shorten(log, largest_bytes=99)
        writer.write(b"new")
    assert log.read_bytes() == b"new"
    assert (tmp_path / "a.log.1").read_bytes() == b"x" * 100


def test_a_small_or_absent_log_stays(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert not shorten(log)
    log.write_bytes(b"x" * 100)
    assert not shorten(log, largest_bytes=100)
    assert log.read_bytes() == b"x" * 100
    assert [path.name for path in tmp_path.iterdir()] == ["a.log"]
