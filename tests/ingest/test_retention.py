"""Dead letters are kept as long as configured."""

from __future__ import annotations

from datetime import timedelta

from ingest.outcome import DeadLetter
from ingest.retention import keep_dead_letters, kept_days
from ingest.writer import EventWriter
from tests.ingest.events import ORIGIN
from vigil.clock import SystemClock
from vigil.warehouse import Warehouse


def test_dead_letters_go_after_the_configured_days(warehouse: Warehouse) -> None:
    assert kept_days(warehouse) is None
    for days in (30, 30, 7):
        keep_dead_letters(warehouse, days)
        assert kept_days(warehouse) == days
    now = SystemClock().now()
    letters = [
        DeadLetter(raw=b"{", origin=ORIGIN, at=now - timedelta(days=age), error_class="empty", reason=str(age))
        for age in (0, 8)
    ]
    EventWriter(warehouse).write([], letters, token="t")
    warehouse.command("OPTIMIZE TABLE dead_letters FINAL")
    assert warehouse.query("SELECT reason FROM dead_letters") == [("0",)]
