"""ClickHouse dies and comes back: the jobs say so, lose nothing and go on by themselves."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path

from jobs.catalogue import find
from jobs.leadership import Leadership
from jobs.runner import JobRunner
from jobs.runs import Outcome, last_runs
from tests.jobs.conftest import HandClock, LoopMaker
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.warehouse import Warehouse, migrate


def test_detecting_fails_in_words_while_clickhouse_is_away_and_goes_on_when_it_is_back(
    tmp_path: Path, make_loop: LoopMaker, hand_clock: HandClock
) -> None:
    server = EmbeddedClickHouse(tmp_path / "clickhouse", tmp_path / "log")
    server.start()
    warehouse = Warehouse(server.url)
    migrate(warehouse)
    loop = make_loop(hand_clock, warehouse)
    leadership = Leadership(loop.record, hand_clock, "test")
    runner = JobRunner(loop, leadership)

    def turn() -> tuple[Outcome | None, str]:
        hand_clock.advance(timedelta(minutes=1))
        now = hand_clock.now()
        columns = ["event_id", "event_time", "received_at", "tenant_id", "source", "account_id"]
        if server.process.poll() is None:
            # Something to look at: without news most detectors are not asked.
            warehouse.insert("events", columns, [[uuid.uuid4()], [now], [now], ["t"], ["s"], ["a"]])
        leadership.campaign()
        outcome = runner.run(find("detect"), now)
        with loop.record.read() as connection:
            return outcome, last_runs(connection)["detect"].detail

    try:
        assert turn()[0] is Outcome.OK
        server.process.kill()
        outcome, detail = turn()
        assert (outcome, "does not answer" in detail) == (Outcome.FAILED, True)
        assert turn()[0] is Outcome.FAILED
        server.start()
        assert turn()[0] is Outcome.OK
    finally:
        warehouse.close()
        server.stop()
