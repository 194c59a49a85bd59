"""The console's questions to ClickHouse."""

from __future__ import annotations

import itertools
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.views import accounts, evidence, health, traffic
from dashboard.views.reading import aligned, bucket_s, buckets
from tests.dashboard.conftest import NOW, Told
from tests.dashboard.story_cast import HOSTILE, LOUD, OTHER, RING, TENANT, THIRD
from vigil.clock import SimulatedClock
from vigil.errors import UsageError, WarehouseUnavailable
from vigil.incident import Incident
from vigil.record import incidents, ledger
from vigil.signal import Subject, SubjectRole, SubjectType
from vigil.warehouse import Warehouse

HOUR = timedelta(hours=1)


def ring(told: Told) -> Incident:
    with told.record.read() as connection:
        return incidents.get(connection, told.story.incidents["ring"])


@pytest.mark.parametrize(("hours", "width"), [(1, 60), (6, 120), (24, 600), (72, 1_800), (168, 3_600), (720, 21_600)])
def test_columns_are_few_and_cover_everything(hours: int, width: int) -> None:
    since = NOW - hours * HOUR
    assert bucket_s(since, NOW) == width
    starts = buckets(aligned(since, width), NOW, width)
    assert starts[0] <= since
    assert starts[-1] < NOW <= starts[-1] + timedelta(seconds=width)
    assert len(starts) <= 241
    assert {later - earlier for earlier, later in itertools.pairwise(starts)} == {timedelta(seconds=width)}


def test_members_stand_out_against_everybody_else(told: Told) -> None:
    incident = ring(told)
    since, until = traffic.around(incident, NOW)
    series = traffic.of_members(told.warehouse, TENANT, incident.subjects, since, until)
    members = series.only(traffic.MEMBERS)
    inside = [point.calls for point in members.points if incident.window.start < point.start < incident.opened_at]
    after = [point.calls for point in members.points if point.start > incident.opened_at + timedelta(minutes=2)]
    before = [point.calls for point in members.points if point.start < incident.window.start - timedelta(minutes=1)]
    assert min(inside) > 5
    assert max(after) <= 3
    assert set(before) == {0}
    assert len(members.points) == len(series.only(traffic.EVERYBODY).points)


def test_what_a_gateway_refused_stands_apart(warehouse: Warehouse) -> None:
    columns = ["event_id", "event_time", "received_at", "tenant_id", "source", "account_id", "status", "refused"]
    statuses = ["ok", "ok", "blocked", "rate_limited", "error"]
    rows = [[uuid.uuid4(), NOW, NOW, TENANT, "s", "a", status, place == 1] for place, status in enumerate(statuses)]
    warehouse.insert("events", columns, [list(column) for column in zip(*rows, strict=True)])
    until = NOW + timedelta(seconds=1)
    members = traffic.of_members(warehouse, TENANT, [Subject(SubjectType.ACCOUNT, "a")], NOW - HOUR, until)
    assert {name: members.only(name).total for name in (traffic.MEMBERS, traffic.BLOCKED, traffic.EVERYBODY)} == {
        traffic.MEMBERS: 3,
        traffic.BLOCKED: 2,
        traffic.EVERYBODY: 0,
    }
    one = traffic.of_account(warehouse, TENANT, "a", NOW - HOUR, until)
    assert {name: one.only(name).total for name in ("answered", "refused", "blocked")} == {
        "answered": 2,
        "refused": 1,
        "blocked": 2,
    }


def test_victims_count_as_everybody_else_and_keys_are_found_in_their_column(told: Told) -> None:
    subjects = [
        Subject(SubjectType.ACCOUNT, RING[0], 1.0, SubjectRole.VICTIM),
        Subject(SubjectType.SOURCE, "gateway-1", 1.0, SubjectRole.AFFECTED),
    ]
    series = traffic.of_members(told.warehouse, THIRD, subjects, NOW - HOUR, NOW)
    assert series.only(traffic.MEMBERS).total > 900
    assert series.only(traffic.EVERYBODY).total == 0
    assert traffic.of_members(told.warehouse, TENANT, subjects[:1], NOW - HOUR, NOW).only(traffic.MEMBERS).total == 0


def test_traffic_by_tenant_adds_up_whatever_is_left_out_by_name(told: Told) -> None:
    everything = traffic.by_tenant(told.warehouse, NOW - 80 * HOUR, NOW)
    few = traffic.by_tenant(told.warehouse, NOW - 80 * HOUR, NOW, top=1)
    one = traffic.by_tenant(told.warehouse, NOW - 80 * HOUR, NOW, [OTHER])
    ((counted,),) = told.warehouse.query("SELECT count() FROM events")
    assert everything.total == few.total == counted
    assert {point.series for point in few.points} == {TENANT, traffic.OTHERS}
    assert {point.series for point in one.points} == {OTHER}
    assert sum(point.calls for point in traffic.together(everything, "calls")) == counted


def test_an_account_by_hour_and_in_numbers(told: Told) -> None:
    series = traffic.of_account(told.warehouse, THIRD, LOUD, NOW - 24 * HOUR, NOW)
    known = accounts.profile(told.warehouse, THIRD, LOUD, NOW)
    assert known is not None
    assert series.total == known.calls == 1_140
    assert known.calls_day == 1_140
    assert (known.org_id, known.networks, known.refusals) == ("org-118", 1, 0)
    assert accounts.profile(told.warehouse, TENANT, "acct-nobody", NOW) is None


def test_accounts_are_found_by_parts_of_ids_in_any_case(told: Told) -> None:
    def search(text: str, tenant: str | None = None) -> list[tuple[str, str]]:
        found = accounts.search(told.warehouse, NOW, text=text, tenant=tenant)
        return [(row.tenant_id, row.account_id) for row in found]

    assert search("20417") == [(TENANT, RING[0])]
    assert search("ACCT-20417") == [(TENANT, RING[0])]
    assert search("org-900") == [(TENANT, RING[0])]
    assert search("20417", OTHER) == []
    assert search("' OR 1=1 --") == []
    assert search("<IMG") == [(HOSTILE, HOSTILE)]
    busiest = accounts.search(told.warehouse, NOW, limit=3)
    assert busiest[0].account_id == LOUD
    assert len(busiest) == 3
    assert set(accounts.tenants(told.warehouse, NOW)) == {TENANT, OTHER, THIRD, HOSTILE}


def test_calls_in_the_window_are_those_of_accounts(told: Told) -> None:
    incident = ring(told)
    found = accounts.calls_in_window(
        told.warehouse, TENANT, incident.subjects, incident.window.start, incident.window.end
    )
    assert set(found) == set(RING[:12])
    assert all(incident.window.start <= last < incident.window.end for _, last in found.values())
    assert accounts.calls_in_window(told.warehouse, TENANT, [Subject(SubjectType.MODEL, "m")], NOW - HOUR, NOW) == {}


def test_evidence_is_found_once_and_oldest_first(told: Told) -> None:
    incident = ring(told)
    since, until = traffic.around(incident, NOW)
    ids = [*incident.evidence.event_ids, incident.evidence.event_ids[0], "no-uuid"]
    found = evidence.events(told.warehouse, TENANT, ids, since, until)
    assert sorted(event.event_id for event in found) == sorted(set(incident.evidence.event_ids))
    assert [event.event_time for event in found] == sorted(event.event_time for event in found)
    assert found[0].has_content
    assert evidence.events(told.warehouse, OTHER, ids, since, until) == []
    assert evidence.events(told.warehouse, TENANT, ["no-uuid"], since, until) == []


def test_latest_calls_are_the_newest_first(told: Told) -> None:
    found = evidence.latest_events(told.warehouse, THIRD, LOUD, NOW, NOW - 24 * HOUR, limit=5)
    assert len(found) == 5
    assert found[0].event_time == max(event.event_time for event in found)


def test_a_reveal_reads_text_after_it_is_on_the_ledger(told: Told, clock: SimulatedClock) -> None:
    incident = ring(told)
    reveal = {
        "tenant_id": TENANT,
        "event_ids": incident.evidence.event_ids,
        "incident_id": incident.incident_id,
        "actor": "r.okafor",
    }
    with pytest.raises(UsageError, match="needs a reason"):
        evidence.reveal(told.record, told.warehouse, clock, **reveal, reason=" ")  # type: ignore[arg-type]
    away = Warehouse("clickhouse://vigil:x@127.0.0.1:1/vigil")
    with pytest.raises(WarehouseUnavailable):
        evidence.reveal(told.record, away, clock, **reveal, reason="first")  # type: ignore[arg-type]
    bodies = evidence.reveal(told.record, told.warehouse, clock, **reveal, reason="second")  # type: ignore[arg-type]
    assert set(bodies) == set(incident.evidence.event_ids)
    assert bodies[incident.evidence.event_ids[0]].last_turn.startswith("write a glowing review")
    with told.record.read() as connection:
        entries = ledger.entries(connection, entry_type="reveal")
    # The one whose text could not be read is on record as well.
    assert [json.loads(entry.payload)["reason"] for entry in entries] == ["first", "second"]


@pytest.mark.parametrize(
    ("stored", "turn"),
    [
        ("plain", "plain"),
        ('[{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"tool","content":"c"}]', "b"),
        ('[{"role":"system","content":"a"}]', '[{"role":"system","content":"a"}]'),
        ("[not json", "[not json"),
        ("[1, 2]", "[1, 2]"),
        ("", ""),
    ],
)
def test_the_last_user_turn_is_found_in_either_form(stored: str, turn: str) -> None:
    assert evidence.last_turn(stored) == turn


def test_what_comes_in_and_what_is_refused(told: Told) -> None:
    intake = health.intake(told.warehouse, NOW)
    assert intake.last_received is not None
    assert NOW - intake.last_received < timedelta(minutes=5)
    assert intake.calls_hour > intake.calls_10min > 0
    groups = health.dead_letters(told.warehouse, NOW)
    assert [(group.error_class, group.count) for group in groups[:2]] == [
        ("malformed_json", 14),
        ("time_out_of_range", 6),
    ]
    assert groups[0].origins == ("vigil.events",)
    assert intake.dead_day == sum(group.count for group in groups)
    sources = health.sources(told.warehouse, NOW)
    assert {source.source for source in sources} == {"gateway-1", "gateway-east", "gateway-west", HOSTILE}
    assert [source.last_seen for source in sources] == sorted(source.last_seen for source in sources)


def test_an_empty_warehouse_has_seen_nothing(warehouse: Warehouse) -> None:
    assert health.intake(warehouse, NOW) == health.Intake(None, 0, 0, 0)
    assert health.sources(warehouse, NOW) == []
    assert traffic.by_tenant(warehouse, NOW - HOUR, NOW).points == ()
    assert traffic.of_account(warehouse, TENANT, "a", datetime(2026, 1, 1, tzinfo=UTC), NOW).total == 0


def test_the_last_event_is_found_after_hours_of_silence(warehouse: Warehouse) -> None:
    received = NOW - 5 * HOUR
    columns = ["event_id", "event_time", "received_at", "tenant_id", "source", "account_id"]
    warehouse.insert("events", columns, [[uuid.uuid4()], [received], [received], [TENANT], ["s"], ["a"]])
    assert health.intake(warehouse, NOW).last_received == received
