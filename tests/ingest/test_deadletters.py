"""Dead letters can be found, read byte by byte, and given another try; nothing is in two places afterwards."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingest.deadletters import Filter, find_letter, list_letters, requeue
from ingest.origin import Origin
from ingest.outcome import Accepted, DeadLetter
from ingest.writer import EventWriter
from tests.ingest.consuming import url_of
from tests.ingest.events import NOW, pipeline, raw
from vigil.cli import main
from vigil.clock import SimulatedClock
from vigil.errors import UsageError
from vigil.settings import Settings
from vigil.warehouse import Warehouse

OLD = raw(event_time=(NOW - timedelta(days=40)).isoformat())
BROKEN = b'{"account_id": "\xff'


@pytest.fixture
def letters(warehouse: Warehouse) -> Warehouse:
    """A warehouse with one event, one that is too old, and one that is broken."""
    made = pipeline()
    outcomes: list[Accepted | DeadLetter] = []
    for offset, payload in enumerate([raw(), OLD, BROKEN]):
        origin = Origin(kafka_topic="vigil.events", kafka_partition=2, kafka_offset=offset, source="vigil.events")
        outcomes += made.accept(payload, origin)
    good = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    bad = [outcome for outcome in outcomes if isinstance(outcome, DeadLetter)]
    EventWriter(warehouse).write(good, bad, token="t")
    return warehouse


def patient(tmp_path: Path) -> Settings:
    return Settings(workspace=tmp_path, ingest={"max_age_days": 90})


def test_letters_are_listed_and_filtered(letters: Warehouse) -> None:
    found = list_letters(letters, Filter(), limit=10)
    assert {letter.error_class for letter in found} == {"time_out_of_range", "invalid_utf8"}
    assert {str(letter.origin) for letter in found} == {"vigil.events[2]@1", "vigil.events[2]@2"}
    assert [letter.size_bytes for letter in list_letters(letters, Filter(error_class="invalid_utf8"), limit=10)] == [
        len(BROKEN)
    ]
    assert not list_letters(letters, Filter(topic="other"), limit=10)
    assert not list_letters(letters, Filter(since=NOW + timedelta(seconds=1)), limit=10)


def test_the_bytes_come_back_as_they_were(letters: Warehouse) -> None:
    (letter,) = list_letters(letters, Filter(error_class="invalid_utf8"), limit=1)
    assert find_letter(letters, letter.dead_letter_id) == (letter, BROKEN)
    with pytest.raises(UsageError, match="deadletters list"):
        find_letter(letters, next(iter(letters.query("SELECT generateUUIDv4()")))[0])


def test_what_is_accepted_now_moves_to_the_events_and_the_rest_stays(letters: Warehouse, tmp_path: Path) -> None:
    report = requeue(letters, Filter(), patient(tmp_path), SimulatedClock(NOW))
    assert (report.tried, report.accepted, report.still_bad) == (2, 1, {"invalid_utf8": 1})
    assert letters.query("SELECT kafka_offset FROM events ORDER BY kafka_offset") == [(0,), (1,)]
    assert letters.query("SELECT kafka_offset FROM dead_letters") == [(2,)]
    assert letters.query("SELECT kafka_offset, error_class FROM requeued_letters") == [(1, "time_out_of_range")]
    again = requeue(letters, Filter(), patient(tmp_path), SimulatedClock(NOW))
    assert (again.tried, again.accepted) == (1, 0)
    assert letters.query("SELECT count() FROM events") == [(2,)]


def test_a_crash_after_the_events_were_written_is_mended_by_the_next_try(letters: Warehouse, tmp_path: Path) -> None:
    """The letter is still there; its second requeue is ignored by the token."""
    kept = letters.query("SELECT * FROM dead_letters WHERE error_class = 'time_out_of_range'")
    which = Filter(error_class="time_out_of_range")
    requeue(letters, which, patient(tmp_path), SimulatedClock(NOW))
    names = [name for (name,) in letters.query(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'dead_letters' ORDER BY position"
    )]  # fmt: skip
    letters.insert("dead_letters", names, [[value] for value in kept[0]])
    assert requeue(letters, which, patient(tmp_path), SimulatedClock(NOW)).accepted == 1
    assert letters.query("SELECT count() FROM events") == [(2,)]
    assert letters.query("SELECT count() FROM dead_letters") == [(1,)]


def test_the_commands(letters: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_CLICKHOUSE__URL", url_of(letters))
    monkeypatch.setenv("VIGIL_WORKSPACE", str(tmp_path))
    run = CliRunner().invoke
    listed = run(main, ["deadletters", "list", "--json"])
    assert listed.exit_code == 0, listed.output
    found = {item["error_class"]: item["dead_letter_id"] for item in map(json.loads, listed.output.splitlines())}
    assert "Dead letters" in run(main, ["deadletters", "list"]).output
    shown = run(main, ["deadletters", "show", found["invalid_utf8"], "--raw"])
    assert shown.stdout_bytes == BROKEN
    assert "account_id" in run(main, ["deadletters", "show", found["invalid_utf8"]]).output
    refused = run(main, ["deadletters", "requeue"])
    assert refused.exit_code == 2
    monkeypatch.setenv("VIGIL_INGEST__MAX_AGE_DAYS", "3650")
    requeued = run(main, ["deadletters", "requeue", "--class", "time_out_of_range", "--json"])
    assert json.loads(requeued.output) == {"tried": 1, "accepted": 1, "still_bad": {}}
