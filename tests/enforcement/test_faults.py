"""The short version of `make faults`: a storm on each database, and real schedulers killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.killed import kill_schedulers
from tests.faults.simulated import storm
from vigil.record import Record, connect, sqlite_url


def test_a_storm_of_faults_doubles_and_loses_nothing(record: Record) -> None:
    raging, judgement = storm(record, faults=60, seed=20_261_124)
    assert raging.injected.total() >= 60
    assert raging.kills > 0
    assert judgement.double == ()
    assert judgement.lost == ()


@pytest.mark.slow
def test_schedulers_killed_at_work_double_and_lose_nothing(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "record.sqlite")
    record = connect(url)
    injected, judgement = kill_schedulers(record, url, kills=2, seed=3)
    record.close()
    assert injected["a scheduler is killed"] == 2
    assert (judgement.double, judgement.lost) == ((), ())
