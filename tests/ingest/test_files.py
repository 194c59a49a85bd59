"""Files of any size and damage are read line by line, and the same file twice changes nothing."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from click.testing import CliRunner

from ingest.file_positions import alone
from ingest.files import ingest_file, read_lines, source_name
from tests.ingest.consuming import url_of
from tests.ingest.events import NOW, event, raw
from vigil.cli import main
from vigil.clock import SimulatedClock
from vigil.errors import UsageError, WarehouseUnavailable
from vigil.settings import Settings
from vigil.warehouse import Warehouse

LINES = [raw(tenant_id="acme"), b"{", b"", b"   ", raw(source=...), b'{"account_id": "\xff"}', raw()]


def written(path: Path, data: bytes) -> Path:
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = zstandard.compress(data)
    path.write_bytes(data)
    return path


def ingest(path: Path, warehouse: Warehouse, workspace: Path, **limits: object) -> tuple[int, int, int]:
    settings = Settings(workspace=workspace, ingest={"batch_rows": 2, **limits})
    report = ingest_file(path, settings, SimulatedClock(NOW), warehouse)
    return report.lines, report.written, report.dead_lettered


@pytest.mark.parametrize("name", ["july.jsonl", "july.jsonl.gz", "july.jsonl.zst"])
def test_every_line_is_an_event_or_a_dead_letter_and_a_second_time_changes_nothing(
    name: str, warehouse: Warehouse, tmp_path: Path
) -> None:
    path = written(tmp_path / name, b"\n".join(LINES) + b"\n")
    assert ingest(path, warehouse, tmp_path) == (5, 3, 2)
    assert ingest(path, warehouse, tmp_path) == (0, 0, 0)
    assert warehouse.query("SELECT count(), uniqExact(event_id) FROM events") == [(3, 3)]
    assert warehouse.query("SELECT line, file FROM dead_letters ORDER BY line") == [(2, str(path)), (6, str(path))]
    assert set(warehouse.query("SELECT tenant_id, source FROM events")) == {
        ("acme", "gateway-1"), ("default", "july"), ("default", "gateway-1")
    }  # fmt: skip


def test_another_file_with_the_same_number_of_lines_is_not_taken_for_the_first(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.jsonl", raw() + b"\n" + raw())
    ingest(path, warehouse, tmp_path)
    path.write_bytes(raw() + b"\n" + raw())
    ingest(path, warehouse, tmp_path)
    assert warehouse.query("SELECT count() FROM events") == [(4,)]


@pytest.mark.parametrize("name", ["july.jsonl.zst", "july.parquet"])
@pytest.mark.parametrize("failing_insert", range(1, 12, 2))
def test_an_import_that_was_cut_off_goes_on_where_it_stopped_and_stores_nothing_twice(
    name: str, failing_insert: int, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off before the n-th insert of any table; the second time with batches of another size."""
    path = tmp_path / name
    payloads = [event(session_id=str(number)) for number in range(10)]
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(payloads), path)
    else:
        written(path, b"\n".join(json.dumps(payload).encode() for payload in payloads))
    inserts = 0
    insert = Warehouse.insert

    def failing(self: Warehouse, *arguments: Any, **options: Any) -> int:
        nonlocal inserts
        inserts += 1
        if inserts == failing_insert:
            raise WarehouseUnavailable("cut off")
        return insert(self, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Warehouse, "insert", failing)
        with pytest.raises(WarehouseUnavailable):
            ingest(path, warehouse, tmp_path, batch_rows=3)
    lines, *_ = ingest(path, warehouse, tmp_path, batch_rows=4)
    # A batch is three inserts: the plan (which says that the batch before it is done), bodies, events.
    plans_made = (failing_insert + 1) // 3
    assert lines == 10 - 3 * max(0, plans_made - 1)
    assert warehouse.query("SELECT count(), uniqExact(session_id) FROM events") == [(10, 10)]
    assert warehouse.query("SELECT sum(calls) FROM account_hours") == [(10,)]
    assert warehouse.query("SELECT count() FROM bodies") == [(10,)]


def test_a_parquet_file_says_the_same_as_its_lines(warehouse: Warehouse, tmp_path: Path) -> None:
    payload = event(
        event_time=NOW.replace(tzinfo=None), cost_usd=Decimal("0.25"), attributes={"team": "red"}, refused=None
    )
    path = tmp_path / "july.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([payload]), path)
    assert ingest(path, warehouse, tmp_path) == (1, 1, 0)
    ((time, cost, attributes, text),) = warehouse.query(
        "SELECT event_time, cost_usd, attributes, has_content FROM events"
    )
    assert (time, cost, attributes["team"], text) == (NOW, 0.25, "red", True)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UsageError, match="as Parquet"):
        ingest(path, warehouse, tmp_path)


def test_a_file_is_imported_by_one_process_at_a_time(warehouse: Warehouse, tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", raw())
    with alone(path), pytest.raises(UsageError, match="another process"):
        ingest(path, warehouse, tmp_path)


def test_other_limits_decide_anew(warehouse: Warehouse, tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", raw(event_time="2026-08-01T00:00:00Z") + b"\n" + raw())
    assert ingest(path, warehouse, tmp_path) == (2, 1, 1)
    assert ingest(path, warehouse, tmp_path, max_age_days=365) == (2, 2, 0)
    assert warehouse.query("SELECT uniqExact(event_id) FROM events") == [(2,)]


def test_a_line_beyond_the_limit_is_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl.zst"
    with zstandard.open(path, "wb") as stream:
        for _ in range(100):
            stream.write(b"x" * 2**20)
        stream.write(b"\n" + raw() + b"\n")
    tracemalloc.start()
    (first, long), (second, short) = read_lines(path, max_bytes=1_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (first, len(long), second) == (1, 1_001, 2)
    assert json.loads(short)["account_id"] == "acct-1"
    assert peak < 16 * 2**20


def test_a_line_of_exactly_the_limit_is_whole_with_either_line_end(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", b"x" * 10 + b"\r\n" + b"y" * 10 + b"\n" + b"z" * 10)
    assert [line for _, line in read_lines(path, max_bytes=10)] == [b"x" * 10, b"y" * 10, b"z" * 10]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_of_a_damaged_file_the_readable_part_is_written_and_the_damage_said(
    suffix: str, warehouse: Warehouse, tmp_path: Path
) -> None:
    lines = [raw(output=str(number) * 50) for number in range(2_000)]
    path = written(tmp_path / f"a.jsonl{suffix}", b"\n".join(lines))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(UsageError, match="damaged after line"):
        ingest(path, warehouse, tmp_path, batch_rows=500)
    ((count,),) = warehouse.query("SELECT count() FROM events")
    assert 100 < count < 2_000


def test_several_frames_and_skippable_ones_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    checked = zstandard.ZstdCompressor(write_checksum=True)
    skippable = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"
    path.write_bytes(checked.compress(b"one\n") + skippable + zstandard.compress(b"a" * 10**6 + b"\n"))
    assert [len(line) for _, line in read_lines(path)] == [3, 10**6]
    for cut in (1, 2, 30):
        path.write_bytes(path.read_bytes()[:-cut])
        with pytest.raises(UsageError, match="damaged"):
            list(read_lines(path))


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_file_that_cannot_be_read_is_a_wrong_use(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        list(read_lines(tmp_path / name))


def test_the_source_of_a_file_is_its_name() -> None:
    assert source_name(Path("/data/july.jsonl.zst")) == "july"
    assert source_name(Path(".hidden")) == ".hidden"


def test_the_command(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_CLICKHOUSE__URL", url_of(warehouse))
    monkeypatch.setenv("VIGIL_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("VIGIL_INGEST__MAX_AGE_DAYS", "3650")
    path = written(tmp_path / "july.jsonl", b"\n".join(LINES))
    run = CliRunner().invoke
    told = run(main, ["ingest", "--file", str(path)])
    assert told.exit_code == 0, told.output
    assert "5 lines, 3 written, 2 dead letters" in told.output
    as_json = run(main, ["ingest", "--file", str(path), "--json"])
    assert json.loads(as_json.stdout) == {
        "file": str(path), "lines": 0, "written": 0, "dead_lettered": 0, "imported_before": 7
    }  # fmt: skip
    assert run(main, ["ingest", "--file", str(tmp_path / "none")]).exit_code == 2
    assert run(main, ["ingest", "--file", str(path), "--dialect", "morse"]).exit_code == 2
    monkeypatch.setenv("VIGIL_CLICKHOUSE__URL", "clickhouse://vigil:x@127.0.0.1:1/vigil")
    assert run(main, ["ingest", "--file", str(path)]).exit_code == 3
