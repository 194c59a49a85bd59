"""An attack in a file: found, acted upon, contained and lifted in event time, and nothing said too early."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Table, select

from simulator.traffic import simulate
from vigil.cli import main
from vigil.effect import ActionState, EffectKind
from vigil.incident import IncidentState
from vigil.record import connect, schema, sqlite_url
from vigil.signal import IncidentKind, Severity, SubjectRole, SubjectType

START = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
CUT = datetime(2026, 10, 1, 11, 45, tzinfo=UTC)
AFTER = START + timedelta(days=8)
RUBBISH = [b"rubbish", b'{"account_id": "no-time"}', b'{"event_time": 0, "account_id": "from-1970"}']


def said(workspace: Path, table: Table, until: datetime, *columns: str) -> list[tuple[Any, ...]]:
    """What the record of a kept workspace holds of the time up to `until`."""
    record = connect(sqlite_url(workspace / "record.sqlite"))
    try:
        with record.read() as connection:
            rows = connection.execute(select(*(table.c[name] for name in columns)).where(table.c.at <= until))
            return sorted(tuple(row) for row in rows)
    finally:
        record.close()


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def replay(path: Path, folder: Path, *more: str) -> Path:
    arguments = ["replay", str(path), "--out", str(folder / "out"), "--workspace", str(folder / "ws"), *more]
    result = CliRunner().invoke(main, arguments, env={"VIGIL_INGEST__ADDRESS_HASH_KEY": "of the test"})
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, set[str]]:
    """A whole replay, one of the same file up to `CUT`, and the accounts of the ring in it."""
    simulation = simulate(["template_campaign"], seed=3, start=START, duration=timedelta(hours=3), scale="small")
    (ring,) = [one for one in simulation.truth.instances if one.scenario == "template_campaign"]
    rng = random.Random(1)
    events = [
        (datetime.fromisoformat(event["event_time"]), json.dumps(event).encode()) for event in simulation.events()
    ]
    # As logs are: not quite in order, with rubbish between; and somebody comes back days later.
    events.sort(key=lambda event: event[0] + rng.random() * timedelta(minutes=2))
    last = {"event_time": AFTER.isoformat(), "account_id": "late", "tenant_id": ring.tenant_id, "source": "lone"}
    events.append((AFTER, json.dumps(last).encode()))
    folder = tmp_path_factory.mktemp("end_to_end")
    for name, chosen in (("whole", events), ("part", [event for event in events if event[0] < CUT])):
        lines = [*RUBBISH, *(line for _, line in chosen)]
        (folder / f"{name}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    members = {subject.id for subject in ring.subjects if subject.type is SubjectType.ACCOUNT}
    return replay(folder / "whole.jsonl", folder / "w"), replay(folder / "part.jsonl", folder / "p"), members


def test_the_ring_is_found_contained_and_lifted_when_its_time_is_over(folders: tuple[Path, Path, set[str]]) -> None:
    whole, _, members = folders
    (ring,) = [one for one in read(whole / "out" / "incidents.jsonl") if one["kind"] == "coordinated_ring"]
    offenders = {subject["id"] for subject in ring["subjects"] if subject["role"] == "offender"}
    assert len(offenders & members) >= 0.9 * len(members)
    assert len(offenders - members) <= 1
    assert START <= datetime.fromisoformat(ring["opened_at"]) < CUT
    imposed = [
        action
        for action in read(whole / "out" / "actions.jsonl")
        if action["effect"] in ("suspend", "throttle") and action["state"] not in ("suppressed", "shadow")
    ]
    assert {action["target"]["id"] for action in imposed} == offenders
    lifts = {
        action["reverses"]: action for action in read(whole / "out" / "actions.jsonl") if action["effect"] == "lift"
    }
    for action in imposed:
        assert action["state"] == "lifted"
        late = datetime.fromisoformat(lifts[action["action_id"]]["at"]) - datetime.fromisoformat(action["expires_at"])
        assert timedelta() <= late <= timedelta(minutes=1), "also in days without an event"


def test_nothing_said_up_to_a_moment_depends_on_what_comes_later(folders: tuple[Path, Path, set[str]]) -> None:
    whole, part, _ = folders
    until = CUT - timedelta(minutes=5)
    for table, columns in {
        schema.signals: ("signal_id", "at", "payload"),
        schema.incident_log: ("incident_id", "at", "actor", "verb", "note"),
        schema.actions: ("action_id", "at", "effect", "target_id", "policy", "expires_at", "facts"),
    }.items():
        expected = said(whole / "ws", table, until, *columns)
        assert expected, f"nothing in {table.name} to compare"
        assert said(part / "ws", table, until, *columns) == expected


def test_the_same_by_people_who_may_is_recorded_low_and_restricts_nobody(
    folders: tuple[Path, Path, set[str]], tmp_path: Path
) -> None:
    whole, part, members = folders
    (ring,) = [one for one in read(whole / "out" / "incidents.jsonl") if one["kind"] == "coordinated_ring"]
    named = {subject["id"] for subject in ring["subjects"]} | members
    permitted = tmp_path / "exceptions.json"
    entries = [{"tenant_id": ring["tenant_id"], "account_id": one, "reason": "red team"} for one in sorted(named)]
    permitted.write_text(json.dumps(entries))
    out = replay(part.parent / "part.jsonl", tmp_path, "--exceptions", str(permitted)) / "out"
    found = [one for one in read(out / "incidents.jsonl") if one["kind"] == "coordinated_ring"]
    assert found, "what permitted people do is recorded"
    assert {one["severity"] for one in found} == {"low"}
    for action in read(out / "actions.jsonl"):
        if action["target"]["id"] in named and EffectKind(action["effect"]).restricts:
            assert action["state"] in ("suppressed", "shadow", "held"), action["reason"]


def keys_of(objects: Iterable[dict[str, Any]]) -> set[str]:
    found = {frozenset(one) for one in objects}
    assert len(found) == 1, f"objects differ in their keys: {found}"
    return set(found.pop())


def test_the_files_have_the_contracts_keys_and_values(folders: tuple[Path, Path, set[str]]) -> None:
    whole, _, _ = folders
    incidents, actions = read(whole / "out" / "incidents.jsonl"), read(whole / "out" / "actions.jsonl")
    assert keys_of(incidents) == {
        "incident_id", "tenant_id", "title", "summary", "kind", "severity", "state", "opened_at", "updated_at",
        "window", "subjects", "detectors", "evidence",
    }  # fmt: skip
    assert keys_of(actions) == {
        "action_id", "at", "effect", "parameters", "target", "policy", "policy_version", "incident_id", "state",
        "reason", "expires_at", "reverses",
    }  # fmt: skip
    for incident in incidents:
        assert incident["kind"] in {kind.value for kind in IncidentKind}
        assert incident["severity"] in {severity.label for severity in Severity}
        assert incident["state"] in {state.value for state in IncidentState}
        assert set(incident["window"]) == {"from", "to"}
        assert datetime.fromisoformat(incident["opened_at"]) <= datetime.fromisoformat(incident["updated_at"])
        assert keys_of(incident["subjects"]) == {"type", "id", "score", "role"}
        assert {subject["type"] for subject in incident["subjects"]} <= {kind.value for kind in SubjectType}
        assert {subject["role"] for subject in incident["subjects"]} <= {role.value for role in SubjectRole}
        scores = [subject["score"] for subject in incident["subjects"]]
        assert scores == sorted(scores, reverse=True), "strongest first"
        for detector in incident["detectors"]:
            assert set(detector) in ({"name", "version", "score", "p_value"}, {"name", "version", "score", "e_value"})
        assert set(incident["evidence"]) == {"event_ids", "facts"}
        assert 0 < len(incident["evidence"]["event_ids"]) <= 20
    for action in actions:
        assert action["effect"] in {kind.value for kind in EffectKind}
        assert action["state"] in {state.value for state in ActionState}
        assert set(action["target"]) == {"type", "id", "tenant_id"}
        assert action["reason"]
    summary = json.loads((whole / "out" / "summary.json").read_text())
    events = summary["events"]
    assert events["read"] == events["written"] + events["duplicates"] + events["dead_lettered"]
    assert events["dead_lettered"] == len(RUBBISH)
    assert sum(sum(found.values()) for found in summary["incidents"].values()) == len(incidents)
    assert sum(sum(found.values()) for found in summary["actions"].values()) == len(actions)
