"""A short slice of `make fuzz` in every run, and the same inputs written to a real ClickHouse and recounted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ingest.outcome import Accepted, DeadLetter
from ingest.writer import EventWriter
from tests.fuzz.run import fuzz
from tests.fuzz.targets import targets
from vigil.warehouse import Warehouse


def test_no_input_crashes_hangs_or_is_lost(tmp_path: Path) -> None:
    figures = fuzz(8_000, 11, tmp_path).figures()
    assert (figures["crashes"], figures["hangs"]) == (0, 0), "\n".join(figures["failures"])
    for name, tally in figures["targets"].items():
        assert tally["accepted"] > 20, f"{name}: the mutations leave too little whole to reach what comes after parsing"
        assert tally["dead_lettered"] + tally["refused"] > 20, f"{name}: the mutations break too little"


def test_an_array_nested_too_deep_to_be_read_is_refused_to_the_senders_face() -> None:
    """Found by a long run: the JSON decoder gives up by RecursionError, not by an error of its own."""
    assert targets()["/v1/events"](b"[" + b'{"a":' * 20_000 + b"1") == ()


def test_what_survives_fuzzing_can_be_stored_event_for_event(warehouse: Warehouse, tmp_path: Path) -> None:
    outcomes: list[Any] = []
    fuzz(3_000, 12, tmp_path, outcomes.extend)
    accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    dead = [outcome for outcome in outcomes if isinstance(outcome, DeadLetter)]
    EventWriter(warehouse).write(accepted, dead, token="fuzz")
    # Mutations of one seed are often the same event, of which ClickHouse keeps one.
    distinct = {
        (event.tenant_id, event.account_id, event.event_id, event.event_time.replace(minute=0, second=0, microsecond=0))
        for event in (item.event for item in accepted)
    }
    ((events,),) = warehouse.query(
        "SELECT uniqExact(tenant_id, account_id, event_id, toStartOfHour(event_time)) FROM events"
    )
    ((letters, refused),) = warehouse.query(
        "SELECT count(), countIf(error_class = 'warehouse_rejected') FROM dead_letters"
    )
    assert (events, letters, refused) == (len(distinct), len(dead), 0)
    assert len(distinct) > 50
