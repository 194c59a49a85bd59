"""Batches are written as a whole, once, in every table; what ClickHouse refuses is found and kept."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from ingest.outcome import Accepted, DeadLetter
from ingest.writer import SUSPICIOUS_ROWS, EventWriter
from tests.ingest.events import NOW, ORIGIN, event, pipeline, raw
from vigil.errors import DeadLetterStoreError, WarehouseRejected, WarehouseUnavailable
from vigil.warehouse import Warehouse


def outcomes(payloads: list[bytes], **options: Any) -> tuple[list[Accepted], list[DeadLetter]]:
    made = pipeline(**options)
    results = [outcome for payload in payloads for outcome in made.accept(payload, ORIGIN)]
    return [r for r in results if isinstance(r, Accepted)], [r for r in results if isinstance(r, DeadLetter)]


def counts(warehouse: Warehouse) -> dict[str, int]:
    tables = {"events": "count()", "bodies": "count()", "dead_letters": "count()"}
    views = {"account_hours": "sum(calls)", "source_minutes": "sum(calls)"}
    return {
        table: warehouse.query(f"SELECT {total} FROM {table}")[0][0] for table, total in {**tables, **views}.items()
    }


def test_the_same_token_twice_changes_no_table_and_no_view(warehouse: Warehouse) -> None:
    good, bad = outcomes([raw() for _ in range(7)] + [b"{", b"[]"])
    writer = EventWriter(warehouse)
    first = writer.write(good, bad, token="id:0:0-9")
    before = counts(warehouse)
    assert writer.write(good, bad, token="id:0:0-9") == first
    assert (first.events, first.dead_letters) == (7, 2)
    assert counts(warehouse) == before == {
        "events": 7, "bodies": 7, "dead_letters": 2, "account_hours": 7, "source_minutes": 7
    }  # fmt: skip


def test_every_field_arrives_under_its_name(warehouse: Warehouse) -> None:
    sent = event(
        event_time="2026-11-01T10:11:12.123456+01:00",
        environment="prod", api_key_hash="k", end_user_id="u", session_id="s", trace_id="t", span_id="p",
        response_id="r", operation="chat", provider="p", response_model="m-1", cache_read_tokens=1, reasoning_tokens=0,
        cost_usd=0.25, duration_ms=900, ttft_ms=80, error_type="none", refused=False, temperature=0.5,
        tool_names=["search"], client_asn=64500, client_country="NL", email_domain="example.com",
        payment_fingerprint="f", account_created_at=1700000000, status="error", system="Stay calm.",
        guardrail={"status": "flagged", "categories": ["a", "b"], "max_score": 0.5, "action": "none"},
        attributes={"team": "red"},
    )  # fmt: skip
    good, _ = outcomes([json.dumps(sent).encode()], trust_tenant=True)
    EventWriter(warehouse).write(good, [], token="x")
    (row,) = warehouse.query_dicts("SELECT * FROM events")
    assert row["event_id"] == uuid.UUID(sent["event_id"])
    assert row["event_time"] == datetime.fromisoformat(sent["event_time"])
    assert row["received_at"] == NOW
    unchanged = set(sent) - {
        "event_id",
        "event_time",
        "client_ip",
        "input",
        "output",
        "system",
        "guardrail",
        "account_created_at",
    }
    assert {name: row[name] for name in unchanged} == {name: sent[name] for name in unchanged}
    assert row["account_created_at"].timestamp() == 1700000000
    assert row["guardrail"] == ("flagged", ["a", "b"], 0.5, "none")
    assert (row["kafka_topic"], row["kafka_partition"], row["kafka_offset"]) == ("vigil.events", 0, 7)
    assert len(row["client_prefix_hash"]) == len(row["client_address_hash"]) == 32
    assert row["has_content"]
    assert row["text_fingerprint"] != 0
    (body,) = warehouse.query_dicts("SELECT * FROM bodies")
    assert json.loads(body["input"]) == sent["input"]
    assert (body["system"], body["output"]) == ("Stay calm.", "High water is at noon.")


def test_missing_is_unknown_and_never_zero(warehouse: Warehouse) -> None:
    good, _ = outcomes([b'{"event_time": 1793534400, "account_id": "a"}', raw(input_tokens=0)])
    EventWriter(warehouse).write(good, [], token="x")
    rows = warehouse.query(
        "SELECT input_tokens, cost_usd, refused, status, has_content FROM events ORDER BY account_id"
    )
    assert rows == [(None, None, None, "", False), (0, None, False, "ok", True)]
    assert counts(warehouse)["bodies"] == 1


def test_the_fingerprint_is_of_the_redacted_text(warehouse: Warehouse) -> None:
    for name in ("ann@example.com", "bob@example.org"):
        good, _ = outcomes([raw(input=f"please write a letter to {name} about the tides")])
        EventWriter(warehouse).write(good, [], token=name)
    assert warehouse.query("SELECT uniqExact(text_fingerprint) FROM events") == [(1,)]


def test_more_days_than_one_insert_may_touch_are_split_by_each_events_own_day(warehouse: Warehouse) -> None:
    payloads = [raw(event_time=(NOW - timedelta(days=day)).isoformat()) for day in range(200)]
    good, bad = outcomes(payloads, max_age_days=500)
    assert not bad
    EventWriter(warehouse).write(good, [], token="wide")
    # A part of the batch written again (another process judged the rest too old) adds nothing.
    EventWriter(warehouse).write(good[:100], [], token="wide")
    assert counts(warehouse)["events"] == counts(warehouse)["account_hours"] == 200


def test_a_row_that_clickhouse_refuses_is_bisected_out_and_kept_with_its_bytes(warehouse: Warehouse) -> None:
    warehouse.command("ALTER TABLE events ADD CONSTRAINT no_poison CHECK account_id != 'poison'")
    payloads = [raw(account_id="poison" if number in (3, 11) else "fine") for number in range(16)]
    good, _ = outcomes(payloads)
    writer = EventWriter(warehouse)
    written = writer.write(good, [], token="t")
    assert (written.events, written.dead_letters) == (14, 2)
    assert writer.write(good, [], token="t") == written
    assert counts(warehouse)["events"] == counts(warehouse)["source_minutes"] == 14
    letters = warehouse.query("SELECT error_class, raw FROM dead_letters ORDER BY raw")
    assert letters == sorted(
        [("warehouse_rejected", payloads[3].decode()), ("warehouse_rejected", payloads[11].decode())]
    )


def test_raw_bytes_of_a_dead_letter_are_kept_as_they_are(warehouse: Warehouse) -> None:
    _, bad = outcomes([b'{"account_id": "\xff\xfe\x00"}'])
    EventWriter(warehouse).write([], bad, token="t")
    assert warehouse.query("SELECT hex(raw), error_class FROM dead_letters") == [
        (b'{"account_id": "\xff\xfe\x00"}'.hex().upper(), "invalid_utf8")
    ]


def test_a_schema_that_is_wrong_is_an_error_and_not_a_thousand_dead_letters(warehouse: Warehouse) -> None:
    good, bad = outcomes([raw(), b"{"])
    warehouse.command("DROP TABLE events SYNC")
    with pytest.raises(WarehouseRejected):
        EventWriter(warehouse).write(good, [], token="t")
    assert counts_of_dead_letters(warehouse) == 0
    warehouse.command("DROP TABLE dead_letters SYNC")
    with pytest.raises(DeadLetterStoreError, match="vigil check"):
        EventWriter(warehouse).write([], bad, token="t")


def test_a_table_that_refuses_every_row_is_an_error_and_not_a_thousand_dead_letters(warehouse: Warehouse) -> None:
    warehouse.command("ALTER TABLE events ADD CONSTRAINT nothing_passes CHECK account_id = 'nobody'")
    good, _ = outcomes([raw() for _ in range(SUSPICIOUS_ROWS)])
    with pytest.raises(WarehouseRejected):
        EventWriter(warehouse).write(good, [], token="t")
    assert counts_of_dead_letters(warehouse) == 0


def counts_of_dead_letters(warehouse: Warehouse) -> int:
    return int(warehouse.query("SELECT count() FROM dead_letters")[0][0])


def test_a_server_that_is_away_is_for_the_caller_to_wait_for() -> None:
    good, _ = outcomes([raw()])
    with pytest.raises(WarehouseUnavailable):
        EventWriter(Warehouse("clickhouse://vigil:x@127.0.0.1:1/vigil")).write(good, [], token="t")
