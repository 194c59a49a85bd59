"""The commands: what people and scripts get to see, and how a wrong use ends."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from enforcement.commands import accounts, actions, dispatch, incidents, ledger, policies
from tests.enforcement.console import Console, show_time
from tests.enforcement.sample import NOW, RING_THROTTLE, policy, ring
from vigil.effect import EffectKind
from vigil.signal import IncidentKind, Severity


def held_action(console: Console) -> str:
    console.world.open(ring("a"))
    console.world.settle()
    [action] = console.json("actions", "list", "--state", "held")
    return str(action["action_id"])


class TestIncidents:
    def test_the_list_shows_what_is_not_closed_and_filters(self, console: Console) -> None:
        gap = ring(kind=IncidentKind.TELEMETRY_GAP, incident_id="inc_2", severity=Severity.LOW, subjects=())
        console.world.open(ring("a", "b"), gap, ring("c", incident_id="inc_3", tenant_id="globex"))
        console.text("incidents", "dismiss", "inc_3", "--note", "nothing")

        def ids(*filters: str) -> set[str]:
            return {one["incident_id"] for one in console.json("incidents", "list", *filters)}

        assert ids() == {"inc_1", "inc_2"}
        assert ids("--state", "dismissed") == {"inc_3"}
        assert ids("--kind", "telemetry_gap") == {"inc_2"}
        assert ids("--severity", "high") == {"inc_1"}
        assert ids("--tenant", "globex", "--state", "dismissed", "--state", "open") == {"inc_3"}
        assert "a and 1 more" in console.text("incidents", "list")

    def test_the_json_has_the_keys_of_the_contract(self, console: Console) -> None:
        console.world.open(ring("a"))
        [found] = console.json("incidents", "list")
        assert found["window"] == {"from": "2026-11-01T11:00:00Z", "to": "2026-11-01T12:00:00Z"}
        assert found["severity"] == "high"
        assert found["subjects"] == [{"type": "account", "id": "a", "score": 0.95, "role": "offender"}]
        assert found["detectors"] == [{"name": "shared_template", "version": "1", "score": 0.97, "p_value": 1e-9}]
        assert found["evidence"] == {"event_ids": [], "facts": {"template_share": 0.4}}

    def test_show_has_members_actions_and_history_and_cannot_style_the_terminal(self, console: Console) -> None:
        console.world.open(ring("a\x1b[31m", "[red]b", title="[bold]ring"))
        console.world.settle()
        console.text("incidents", "ack", "inc_1", "--note", "mine")
        shown = console.text("incidents", "show", "inc_1")
        assert "\x1b" not in shown
        assert "[red]b" in shown
        assert "[bold]ring" in shown
        assert "throttle" in shown
        assert "acknowledge" in shown
        assert "mine" in shown
        [found] = console.json("incidents", "show", "inc_1")
        assert [line["verb"] for line in found["log"]] == ["open", "acknowledge"]
        assert {action["effect"] for action in found["actions"]} == {"throttle", "page"}

    def test_the_verbs_carry_who_and_why(self, console: Console) -> None:
        console.world.open(ring("a"))
        assert console.text("incidents", "ack", "inc_1") == "inc_1 is acknowledged\n"
        assert (
            console.text("incidents", "resolve", "inc_1", "--actor", "bob", "--note", "over") == "inc_1 is resolved\n"
        )
        assert console.json("incidents", "reopen", "inc_1")[0]["state"] == "open"
        [found] = console.json("incidents", "show", "inc_1")
        assert [(line["actor"], line["note"]) for line in found["log"][1:]] == [
            ("ana", ""),
            ("bob", "over"),
            ("ana", ""),
        ]

    def test_wrong_use(self, console: Console) -> None:
        assert "there is no incident inc_9" in console.fails("incidents", "show", "inc_9")
        console.world.open(ring("a"))
        assert "cannot reopen incident inc_1: it is open" in console.fails("incidents", "reopen", "inc_1")


class TestActions:
    def test_approving_sends_it_out_and_lifting_ends_it(self, console: Console) -> None:
        action = held_action(console)
        assert console.text("actions", "approve", action, "--note", "sure") == f"{action} is approved and on its way\n"
        console.world.dispatch()
        assert "is being lifted by act_" in console.text("actions", "lift", action, "--reason", "wrong account")
        console.world.dispatch()
        shown = console.text("actions", "show", action)
        assert "lifted" in shown
        assert "approved by ana" in shown
        assert "mode" in shown
        assert "the policy is in manual mode: a person decides" in shown
        [found] = console.json("actions", "show", action)
        assert (found["state"], found["lifted_by"], found["delivery"]["delivery"]) == ("lifted", "ana", "delivered")
        assert [line["verdict"] for line in found["approvals"]] == ["proposed", "approved"]

    def test_two_persons(self, console: Console, tmp_path: Path) -> None:
        console.world.policies = [policy(tmp_path, RING_THROTTLE, ladder="[ban]", approval="{from: ban, by: 2}")]
        action = held_action(console)
        assert "1 of 2 approvals" in console.text("actions", "approve", action)
        assert "another person has to approve it" in console.fails("actions", "approve", action)
        assert "is approved" in console.text("actions", "approve", action, "--actor", "bob")

    def test_rejecting(self, console: Console) -> None:
        action = held_action(console)
        assert console.text("actions", "reject", action, "--reason", "a class") == f"{action} is rejected\n"
        assert "not held" in console.fails("actions", "approve", action)
        assert "is suppressed, not in force" in console.fails("actions", "lift", action, "--reason", "x")

    def test_withdrawing_what_has_not_gone_out(self, console: Console) -> None:
        action = held_action(console)
        console.text("actions", "approve", action)
        assert "was withdrawn" in console.text("actions", "lift", action, "--reason", "wrong")

    def test_the_list_filters_and_its_json_is_the_contracts(self, console: Console) -> None:
        action = held_action(console)
        assert "throttle" in console.text("actions", "list", "--policy", "ring-throttle")
        assert console.json("actions", "list", "--effect", "ban") == []
        [found] = console.json("actions", "list", "--state", "held", "--incident", "inc_1", "--tenant", "acme")
        assert found["target"] == {"type": "account", "id": "a", "tenant_id": "acme"}
        assert (found["action_id"], found["reverses"]) == (action, None)
        assert "there is no action act_9" in console.fails("actions", "show", "act_9")


class TestAccounts:
    def test_an_account_shows_what_is_in_force_and_why(self, console: Console) -> None:
        action = held_action(console)
        assert "nothing is in force for acme/a" in console.text("accounts", "show", "acme/a")
        console.text("actions", "approve", action)
        [found] = console.json("accounts", "show", "acme/a")
        assert [one["effect"] for one in found["in_force"]] == ["throttle"]
        assert [one["incident_id"] for one in found["incidents"]] == ["inc_1"]
        assert "in force for acme/a" in console.text("accounts", "show", "acme/a")

    @pytest.mark.parametrize("wrong", ["a", "acme/", "/a"])
    def test_an_account_is_named_with_its_tenant(self, console: Console, wrong: str) -> None:
        assert "expected TENANT/ACCOUNT" in console.fails("accounts", "show", wrong)


class TestPolicies:
    def test_the_starter_pack_is_listed_and_checked(self, console: Console) -> None:
        assert "14 policy(ies) are well-formed: account-anomaly" in console.text("policies", "check")
        found = {one["policy"]: one for one in console.json("policies", "list")}
        assert found["ring-suspend"]["ladder"][0] == {"effect": "suspend", "parameters": {}, "for": "7d"}
        shown = console.text("policies", "list")
        assert "suspend 7d → suspend 30d → ban" in shown
        assert "policy: ring-suspend" in console.text("policies", "show", "ring-suspend")
        assert "did you mean 'ring-suspend'?" in console.fails("policies", "show", "ring-suspnd")

    def test_a_wrong_policy_is_named_with_file_and_line(self, console: Console, tmp_path: Path) -> None:
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "p.yaml").write_text("policy: p\nownr: o\nwhen: true\npage: x\n")
        said = console.fails("policies", "check", str(folder))
        assert f"{folder}/p.yaml:2: unknown field 'ownr'; did you mean 'owner'?" in said
        assert "Traceback" not in said

    def test_a_version_that_decided_can_be_read_later(self, console: Console) -> None:
        held_action(console)
        [found] = console.json("actions", "list", "--state", "held")
        version = found["policy_version"]
        assert "mode: manual" in console.text("policies", "show", "ring-throttle", "--version", version)
        assert f"versions that decided something: {version}" in console.fails(
            "policies", "show", "ring-throttle", "--version", "0"
        )
        assert "it never decided anything" in console.fails("policies", "show", "nobody", "--version", "0")

    def test_the_kill_switch(self, console: Console) -> None:
        [switch] = console.json("policies", "kill-switch", "set", "--policy", "p", "--for", "4h", "--reason", "storm")
        assert (switch["scope"], switch["name"], switch["owner"]) == ("policy", "p", "ana")
        assert "storm" in console.text("policies", "kill-switch", "list")
        assert "is released" in console.text("policies", "kill-switch", "release", switch["switch_id"])
        assert console.json("policies", "kill-switch", "list") == []
        console.text("policies", "kill-switch", "set", "--everything", "--for", "1h", "--reason", "x")
        console.text("policies", "kill-switch", "set", "--tenant", "acme", "--for", "1h", "--reason", "x")
        assert [one["scope"] for one in console.json("policies", "kill-switch", "list")] == ["global", "tenant"]
        set_ = ("policies", "kill-switch", "set", "--reason", "x")
        assert "exactly one of" in console.fails(*set_, "--for", "1h")
        assert "exactly one of" in console.fails(*set_, "--for", "1h", "--everything", "--policy", "p")
        assert "expects a span such as 30m" in console.fails(*set_, "--for", "soon", "--everything")


class TestLedger:
    def test_it_is_shown_verified_and_exported(self, console: Console, tmp_path: Path) -> None:
        held_action(console)
        entries = console.json("ledger", "show")
        assert [entry["seq"] for entry in entries] == list(range(len(entries), 0, -1))
        assert [one["seq"] for one in console.json("ledger", "show", "--after", "1", "--limit", "1")] == [2]
        assert {one["entry_type"] for one in console.json("ledger", "show", "--type", "decided")} == {"decided"}
        assert "policy:ring-throttle" in console.text("ledger", "show")
        said = console.text("ledger", "verify")
        assert said.startswith(f"{len(entries)} entries hold; head {len(entries)}:")
        head = said.split("head ")[1].strip()
        assert console.json("ledger", "verify", "--head", head)[0]["ok"] is True
        file = tmp_path / "ledger.jsonl"
        console.text("ledger", "export", "--output", str(file))
        assert [json.loads(line)["seq"] for line in file.read_text().splitlines()] == list(range(1, len(entries) + 1))
        assert console.text("ledger", "export") == file.read_text()

    def test_a_tampered_ledger_is_a_finding(self, console: Console) -> None:
        held_action(console)
        head = console.json("ledger", "verify")[0]["head"]
        with console.world.record.write() as connection:
            connection.execute(text("DROP TRIGGER ledger_no_update"))
            connection.execute(text("UPDATE ledger SET actor = 'nobody' WHERE seq = 1"))
        result = console.run("ledger", "verify")
        assert result.exit_code == 1
        assert "entry 1 was changed: its content does not give its hash" in result.output
        result = console.run("ledger", "verify", "--json", "--head", head)
        assert result.exit_code == 1
        assert json.loads(result.output)["bad_seq"] == 1
        assert "expects SEQ:HASH" in console.fails("ledger", "verify", "--head", "7")


def test_dispatch_ends_what_is_over_and_delivers_what_is_due(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.world.policies = [policy(tmp_path, RING_THROTTLE)]
    console.world.open(ring("a", "b"))
    console.world.enforce()
    assert console.json("dispatch") == [{"lifted": 0, "tried": 2, "waiting": 0}]
    show_time(monkeypatch, NOW + timedelta(days=2))
    assert console.text("dispatch").startswith("2 effect(s) ended, 2 delivery(ies) tried, 1 waiting"), (
        "a page waits for others"
    )
    assert {state for _, effect, state in console.world.states() if effect == "throttle"} == {"lifted"}
    assert [one.parameters["title"] for one in console.world.actions(effects=[EffectKind.PAGE])] == [
        "2 effect(s) should have been lifted and are not"
    ], "they were lifted a day late"


@pytest.mark.parametrize("command", [accounts, actions, dispatch, incidents, ledger, policies])
def test_every_command_explains_itself(command: Any) -> None:
    assert command.help
    for verb in getattr(command, "commands", {}).values():
        assert verb.help, verb.name
