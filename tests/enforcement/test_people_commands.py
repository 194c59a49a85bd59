"""Commands for appeals, labels and snoozes."""

from __future__ import annotations

from pathlib import Path

from enforcement.commands import appeals, labels
from tests.enforcement.console import Console
from tests.enforcement.sample import RING_THROTTLE, policy, ring


def test_an_appeal_from_opening_to_overturning(console: Console, tmp_path: Path) -> None:
    console.world.policies = [policy(tmp_path, RING_THROTTLE)]
    console.world.open(ring("a"))
    console.world.settle()
    [action] = console.json("actions", "list", "--effect", "throttle")
    reference = str(action["action_id"])
    assert "is open" in console.text("actions", "appeals", "open", reference, "--statement", "a class", "--by", "owner")
    [appeal] = console.json("actions", "appeals", "list")
    name = str(appeal["appeal_id"])
    assert "a class" in console.text("actions", "appeals", "list")
    assert "there is no appeal" in console.fails("actions", "appeals", "uphold", "apl_0", "--reason", "x")
    assert "overturned" in console.text("actions", "appeals", "overturn", name, "--reason", "homework")
    assert console.json("actions", "appeals", "list") == []
    assert [one["outcome"] for one in console.json("actions", "appeals", "list", "--all")] == ["overturned"]
    [shown] = console.json("accounts", "show", "acme/a")
    [pause] = shown["snoozes"]
    assert "homework" in console.text("accounts", "show", "acme/a")
    assert "is over" in console.text("accounts", "unsnooze", pause["snooze_id"])
    exported = console.json("labels", "export")
    assert [(one["incident_id"], one["subject_id"], one["verdict"]) for one in exported] == [
        ("inc_1", "a", "false_positive")
    ]
    assert appeals.__doc__
    assert labels.help


def test_labels_are_set_listed_and_replaced(console: Console) -> None:
    console.world.open(ring("a"))
    assert "inc_1 is benign" in console.text("labels", "set", "inc_1", "benign", "--note", "a class")
    console.text("labels", "set", "inc_1", "true_positive")
    assert [one["verdict"] for one in console.json("labels", "list")] == ["true_positive"]
    assert "true_positive" in console.text("labels", "list")
    assert "there is no incident" in console.fails("labels", "set", "inc_0", "benign")


def test_snoozes_of_accounts_and_incidents(console: Console, tmp_path: Path) -> None:
    console.world.policies = [policy(tmp_path, RING_THROTTLE)]
    console.world.open(ring("a"), ring("b", incident_id="inc_2"))
    said = console.text("accounts", "snooze", "acme/a", "--for", "2h", "--reason", "we talk")
    assert said.startswith("account a is snoozed until 2026-11-01 14:00")
    assert "inc_2 is snoozed" in console.text("incidents", "snooze", "inc_2", "--for", "2h", "--reason", "a drill")
    assert "--for expects a span" in console.fails("accounts", "snooze", "acme/a", "--for", "long", "--reason", "x")
    console.world.enforce()
    assert {one["state"] for one in console.json("actions", "list")} == {"suppressed"}
