"""A person's own replay, scored against the truth of its simulation."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from jobs.evaluation.plans import START
from simulator.sinks import opened, write_lines
from simulator.traffic import simulate
from simulator.truth import Instance
from vigil.cli import main

INCIDENT = {
    "incident_id": "inc_1",
    "kind": "account_anomaly",
    "severity": "high",
    "state": "open",
    "title": "",
    "summary": "",
    "detectors": [{"name": "account_volume", "version": "1", "score": 0.9, "p_value": 1e-9}],
    "evidence": {"event_ids": [], "facts": {}},
}


def said(attack: Instance, at: datetime, account: str, **more: Any) -> str:
    """A line of `incidents.jsonl`."""
    return json.dumps(
        {
            **INCIDENT,
            "tenant_id": attack.tenant_id,
            "opened_at": at.isoformat(),
            "updated_at": at.isoformat(),
            "window": {"from": attack.start.isoformat(), "to": at.isoformat()},
            "subjects": [{"type": "account", "id": account, "score": 1.0, "role": "offender"}],
            **more,
        }
    )


@pytest.fixture
def replayed(tmp_path: Path) -> Path:
    """A bulk account that was found after six minutes and throttled, and one that was blamed and throttled for nothing."""
    simulation = simulate(
        ["bulk_account"], seed=1, start=START, duration=timedelta(hours=2), scale="tiny", quiet=timedelta(hours=1)
    )
    with opened(str(tmp_path / "events.jsonl.gz")) as stream:
        write_lines(simulation.events(), stream)
    simulation.truth.write(tmp_path / "truth.json")
    (attack,) = simulation.truth.instances
    assert attack.detectable_from is not None
    at = attack.detectable_from + timedelta(minutes=6)
    (offender,) = attack.offenders
    innocent = next(one.account_id for one in simulation.world.accounts if one.account_id != offender)
    out = tmp_path / "found"
    out.mkdir()
    lines = [said(attack, at, offender), said(attack, at, innocent, incident_id="inc_2")]
    (out / "incidents.jsonl").write_text("\n".join(lines) + "\n")
    action = {"action_id": "act", "at": at.isoformat(), "effect": "throttle", "state": "confirmed", "reason": ""}
    targets = [{"type": "account", "id": one, "tenant_id": attack.tenant_id} for one in (offender, innocent)]
    (out / "actions.jsonl").write_text("".join(json.dumps({**action, "target": one}) + "\n" for one in targets))
    return tmp_path


def evaluate(folder: Path, *more: str) -> Any:
    given = {"events": "events.jsonl.gz", "truth": "truth.json", "found": "found"}
    arguments = [part for name, file in given.items() for part in ("--set", f"{name}={folder / file}")]
    return CliRunner().invoke(main, ["evaluate", "replayed", "--json", *arguments, *more])


def test_a_replay_is_scored(replayed: Path) -> None:
    result = evaluate(replayed)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["scenarios"]["bulk_account"]["found"] == 1
    assert figures["scenarios"]["bulk_account"]["median_delay_s"] == 360.0
    assert figures["false_incidents"] == 1
    assert figures["wrongly_acted_accounts"] == 1
    assert figures["account_days"] > 20


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("found/incidents.jsonl", '{"incident_id": 1}', "incidents.jsonl, line 1"),
        ("truth.json", "{}", "holds no truth of a simulation"),
        ("events.jsonl.gz", '{"a": 1}', "line 1 is no event of `vigil simulate`"),
    ],
)
def test_other_files_are_named(replayed: Path, file: str, content: str, message: str) -> None:
    (replayed / file).write_text(content)
    result = evaluate(replayed)
    assert result.exit_code == 2
    assert message in result.output


def test_what_is_missing_is_said() -> None:
    result = CliRunner().invoke(main, ["evaluate", "replayed"])
    assert result.exit_code == 2
    assert "--set truth=FILE" in result.output
