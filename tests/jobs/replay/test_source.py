"""Files as one stream of arrivals: merged in order of time, rubbish set aside, everything counted."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zstandard

from ingest.outcome import DeadLetter
from jobs.replay.arrange import Arrival
from jobs.replay.source import ReplayRange, ReplaySource
from vigil.clock import SimulatedClock
from vigil.errors import UsageError
from vigil.settings import Settings

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TODAY = SimulatedClock(datetime(2026, 11, 1, tzinfo=UTC))


def line(at: datetime, account: str = "a1", **more: object) -> bytes:
    return json.dumps({"event_time": at.isoformat(), "account_id": account, **more}).encode()


def write(path: Path, lines: Sequence[bytes]) -> Path:
    data = b"\n".join(lines) + b"\n"
    if path.suffix == ".gz":
        data = gzip.compress(data)
    if path.suffix == ".zst":
        data = zstandard.compress(data)
    path.write_bytes(data)
    return path


def read(*paths: Path, within: ReplayRange | None = None) -> tuple[ReplaySource, list[Arrival], list[DeadLetter]]:
    with ReplaySource(paths, Settings(), TODAY, b"key", within or ReplayRange()) as source:
        found = list(source)
    arrivals = [one for one in found if isinstance(one, Arrival)]
    return source, arrivals, [one for one in found if isinstance(one, DeadLetter)]


def test_files_of_every_kind_are_merged_in_order_of_time(tmp_path: Path) -> None:
    one = write(tmp_path / "one.jsonl", [line(NOON + n * MINUTE, "one") for n in (0, 3, 2, 60)])
    two = write(tmp_path / "two.jsonl.gz", [line(NOON + n * MINUTE, "two") for n in (1, 3, 61)])
    three = write(tmp_path / "three.jsonl.zst", [line(NOON - timedelta(days=90), "three")])
    source, arrivals, dead = read(one, two, three)
    assert [one.item.event.account_id for one in arrivals] == ["three", "one", "two", "one", "one", "two", "one", "two"]
    assert [one.at for one in arrivals] == sorted(one.at for one in arrivals)
    assert (source.read, dead) == (8, [])
    assert {one.item.event.source for one in arrivals} == {"one", "two", "three"}


def test_rubbish_is_set_aside_with_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    rubbish = {
        2: b"not json",
        3: b'{"event_time": "2026-03-01T12:00:00Z"}',
        4: b"\xff\xfe{}",
        5: line(datetime(1970, 1, 1, tzinfo=UTC)),
        6: line(datetime(2226, 1, 1, tzinfo=UTC)),
        7: line(NOON, input_tokens="many"),
        8: line(NOON, input="x" * (5 * 2**20)),
    }
    lines = [rubbish.get(number, line(NOON + number * MINUTE, f"a{number}")) for number in range(1, 40)]
    source, arrivals, dead = read(write(tmp_path / "f.jsonl", lines))
    assert sorted(one.origin.line for one in dead) == sorted(rubbish)
    assert all(one.reason and one.error_class for one in dead)
    assert len(arrivals) == 39 - len(rubbish)
    assert source.read == 39


def test_a_file_of_nothing_but_rubbish_does_not_pile_up(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", [b"rubbish"] * 5_000)
    with ReplaySource([path], Settings(), TODAY, b"key", ReplayRange()) as source:
        stream = iter(source)
        next(stream)
        assert source.read <= 2, "dead letters come out as they are found"
        assert sum(1 for _ in stream) == 4_999


def test_the_range_chooses_by_event_time_and_what_lies_outside_is_not_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", [line(NOON + n * MINUTE) for n in range(10)])
    source, arrivals, _ = read(path, within=ReplayRange(NOON + 2 * MINUTE, NOON + 5 * MINUTE))
    assert [one.at for one in arrivals] == [NOON + n * MINUTE for n in (2, 3, 4)]
    assert source.read == 3


def test_a_damaged_file_is_read_up_to_the_damage_and_says_where(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl.gz", [line(NOON + n * MINUTE, f"account-{n}") for n in range(5_000)])
    path.write_bytes(path.read_bytes()[:-2_000])
    source, arrivals, _ = read(path)
    assert 0 < len(arrivals) < 5_000
    assert source.damage is not None
    assert "damaged after line" in str(source.damage)


def test_a_missing_file_is_said_so_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*missing\.jsonl"):
        read(write(tmp_path / "f.jsonl", [line(NOON)]), tmp_path / "missing.jsonl")
