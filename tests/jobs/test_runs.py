"""Job runs in the record: each scheduled time is started once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jobs.runs import MAX_DETAIL, Outcome, claim, finish, last_runs
from vigil.record import Record

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_run_is_started_once_whoever_asks(record: Record) -> None:
    with record.write() as connection:
        assert claim(connection, "detect", NOON, NOON)
    with record.write() as connection:
        assert not claim(connection, "detect", NOON, NOON + SECOND)
        assert claim(connection, "detect", NOON + SECOND, NOON + SECOND)
        assert claim(connection, "lift", NOON, NOON)


def test_the_newest_run_of_each_job_is_shown_with_its_outcome(record: Record) -> None:
    with record.write() as connection:
        for number in range(3):
            claim(connection, "detect", NOON + number * SECOND, NOON + number * SECOND)
        claim(connection, "lift", NOON, NOON)
        finish(connection, "detect", NOON + 2 * SECOND, Outcome.OK, "3 signals", NOON + 3 * SECOND)
        finish(connection, "detect", NOON + SECOND, Outcome.FAILED, "ClickHouse is away", NOON + 3 * SECOND)
    with record.read() as connection:
        last = last_runs(connection)
    assert (last["detect"].outcome, last["detect"].detail) == (Outcome.OK, "3 signals")
    assert last["detect"].finished_at == NOON + 3 * SECOND
    assert (last["lift"].outcome, last["lift"].finished_at) == (Outcome.RUNNING, None)


def test_details_are_bounded_and_storable(record: Record) -> None:
    with record.write() as connection:
        claim(connection, "detect", NOON, NOON)
        finish(connection, "detect", NOON, Outcome.FAILED, "x\x00" * 5_000, NOON)
        assert len(last_runs(connection)["detect"].detail) == MAX_DETAIL
