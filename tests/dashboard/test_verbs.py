"""Buttons do what they say, in the record and on the ledger, with who and why."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.conftest import App, Told
from tests.dashboard.reading_pages import rows, tables, text
from vigil.clock import SimulatedClock
from vigil.effect import Action, ActionState
from vigil.incident import IncidentState
from vigil.record import actions, approvals, incidents, ledger
from vigil.record.labels import Verdict, label_of


def state(told: Told, name: str) -> IncidentState:
    with told.record.read() as connection:
        return incidents.get(connection, told.story.incidents[name]).state


def last_line(told: Told, name: str) -> incidents.LogLine:
    with told.record.read() as connection:
        return incidents.log(connection, told.story.incidents[name])[-1]


def action(told: Told, action_id: str) -> Action:
    with told.record.read() as connection:
        return actions.get(connection, action_id)


def on_ledger(told: Told, entry_type: str) -> list[tuple[str, dict[str, object]]]:
    with told.record.read() as connection:
        found = ledger.entries(connection, entry_type=entry_type)
        assert ledger.verify(connection).ok
    return [(entry.actor, json.loads(entry.payload)) for entry in found]


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception, page.exception
    return page


def test_acknowledging_says_who_has_it(app: App, told: Told) -> None:
    page = press(app("incident", id=told.story.incidents["volume"]), "acknowledge")
    assert state(told, "volume") is IncidentState.ACKNOWLEDGED
    assert (last_line(told, "volume").actor, last_line(told, "volume").verb) == ("r.okafor", "acknowledge")
    assert "colleagues see that you have it" in text(page)
    assert "acknowledge" not in [button.key for button in page.button]
    page.run()
    assert "colleagues see" not in text(page)  # said once


@pytest.mark.parametrize(
    ("verb", "becomes"), [("resolve", IncidentState.RESOLVED), ("dismiss", IncidentState.DISMISSED)]
)
def test_closing_keeps_the_note(app: App, told: Told, verb: str, becomes: IncidentState) -> None:
    page = press(app("incident", id=told.story.incidents["ring"]), verb)
    page.text_area(key=f"{verb}_note").set_value("their owner closed them")
    press(page, f"{verb}_confirmed")
    assert state(told, "ring") is becomes
    assert last_line(told, "ring").note == "their owner closed them"
    assert "reopen" in [button.key for button in page.button]


def test_what_was_closed_can_be_opened_again(app: App, told: Told) -> None:
    page = press(app("incident", id=told.story.incidents["dismissed"]), "reopen")
    press(page, "reopen_confirmed")
    assert state(told, "dismissed") is IncidentState.OPEN


def test_a_colleague_who_was_faster_is_said_on_the_page(app: App, told: Told) -> None:
    page = press(app("incident", id=told.story.incidents["volume"]), "resolve")
    incidents.dismiss(told.record, SimulatedClock(told.story.now), told.story.incidents["volume"], "m.lindqvist")
    press(page, "resolve_confirmed")
    assert "could not be changed" in text(page)
    assert "it is dismissed" in text(page)
    assert state(told, "volume") is IncidentState.DISMISSED


def test_a_label_replaces_the_one_before(app: App, told: Told) -> None:
    page = press(app("incident", id=told.story.incidents["ring"]), "label_true_positive")
    page = press(page, "label_false_positive")
    with told.record.read() as connection:
        label = label_of(connection, told.story.incidents["ring"])
    assert label is not None
    assert (label.verdict, label.actor) == (Verdict.FALSE_POSITIVE, "r.okafor")
    assert "Labelled by r.okafor" in text(page)
    assert [payload["verdict"] for _, payload in on_ledger(told, "label")] == ["true_positive", "false_positive"]


def test_revealing_needs_a_reason_and_is_on_the_ledger_before_anything_is_shown(app: App, told: Told) -> None:
    page = press(app("incident", id=told.story.incidents["ring"]), "reveal")
    press(page, "reveal_confirmed")
    assert "Give a reason" in text(page)
    assert on_ledger(told, "reveal") == []
    assert "glowing review" not in str(tables(page)["Evidence"])

    press(page, "reveal")
    page.text_input(key="reveal_reason").set_value("is it a customer's own campaign?")
    press(page, "reveal_confirmed")
    ((actor, payload),) = on_ledger(told, "reveal")
    assert (actor, payload["reason"]) == ("r.okafor", "is it a customer's own campaign?")
    assert payload["incident_id"] == told.story.incidents["ring"]
    shown = tables(page)["Evidence"]["rows"]
    assert sorted(row["id"] for row in shown) == sorted(map(str, payload["event_ids"]))  # type: ignore[call-overload]
    assert "glowing review" in shown[0]["cells"]["turn"]["text"]
    assert shown[0]["detail"][1] == {"label": "Answer", "text": "Sure! Here it is. (ok)", "block": True}

    press(page, "hide")
    assert "glowing review" not in str(tables(page)["Evidence"])


def test_all_held_actions_of_an_incident_are_approved_and_wait_for_a_second_person(app: App, told: Told) -> None:
    page = app("incident", id=told.story.incidents["ring"])
    held = [row["id"] for row in rows(page, "Actions") if row["state"] == "[held]"]
    page = press(page, "incident_actions_approve")
    press(page, "approve_confirmed")
    assert "2 actions approved. 2 actions still held: another person has to approve." in text(page)
    with told.record.read() as connection:
        assert [line.actor for line in approvals.of_action(connection, held[0])] == [
            "policy ring-containment",
            "r.okafor",
        ]
    press(page, "incident_actions_approve")
    press(page, "approve_confirmed")
    assert "None of 2 could be changed" in text(page)
    assert "r.okafor has approved this action already" in text(page)
    assert action(told, held[0]).state is ActionState.HELD


def test_rejecting_needs_a_reason(app: App, told: Told) -> None:
    page = app("incident", id=told.story.incidents["ring"])
    held = [row["id"] for row in rows(page, "Actions") if row["state"] == "[held]"]
    page = press(page, "incident_actions_reject")
    press(page, "reject_confirmed")
    assert "a rejection needs a reason" in text(page)
    press(page, "incident_actions_reject")
    page.text_input(key="reject_reason").set_value("they are customers")
    press(page, "reject_confirmed")
    assert "2 actions rejected." in text(page)
    assert {action(told, action_id).state for action_id in held} == {ActionState.SUPPRESSED}
    assert action(told, held[0]).reason.endswith("they are customers")


def test_the_selected_effects_are_lifted(app: App, told: Told) -> None:
    page = app("actions", action_state="Confirmed")
    chosen = [row["id"] for row in rows(page, "Actions") if row["effect"].startswith("throttle")][:2]
    assert "actions_lift" not in [button.key for button in page.button]
    page.session_state["actions"] = {"selected": chosen}
    page.run()
    assert "2 actions selected" in text(page)
    press(page, "actions_lift")
    page.text_input(key="lift_reason").set_value("not theirs")
    press(page, "lift_confirmed")
    assert "2 actions lifted, or on the way to be." in text(page)
    assert [action(told, action_id).lifted_by for action_id in chosen] == ["r.okafor"] * 2


def test_what_is_over_cannot_be_selected(app: App, told: Told) -> None:
    page = app("actions")
    by_state = {row["cells"]["state"]["badges"][0]["text"]: row for row in tables(page)["Actions"]["rows"]}
    fixed = {name for name, row in by_state.items() if row.get("fixed")}
    assert {"lifted", "failed", "suppressed", "shadow"} <= fixed
    assert not {"held", "dispatched"} & fixed
    page.session_state["actions"] = {"selected": [by_state["lifted"]["id"]]}
    page.run()
    assert "actions_lift" not in [button.key for button in page.button]
