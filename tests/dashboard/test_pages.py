"""Every page shows the story, says what to do when there is nothing to show, and stays up when a store is away."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.routes import PAGES
from tests.dashboard.conftest import App, Told
from tests.dashboard.reading_pages import markup, rows, tables, text
from tests.dashboard.story_cast import LOUD, OTHER, RING, TENANT
from vigil.effect import ActionState

LISTS = [name for name in PAGES if name not in ("incident", "account")]


def well(page: AppTest) -> AppTest:
    assert not page.exception, page.exception
    assert 'role="alert"' not in markup(page), text(page)
    return page


def test_the_queue_shows_open_incidents_first_and_what_was_done(app: App, told: Told) -> None:
    page = well(app())
    shown = rows(page, "Incidents")
    assert [row["state"].split(" ")[0] for row in shown] == [
        "[open]",
        "[open]",
        "[open]",
        "[acknowledged]",
        "[acknowledged]",
        "[contained]",
    ]
    ring = shown[-1]
    assert ring["id"] == told.story.incidents["ring"]
    assert ring["members"] == "14"
    assert ring["age"] == "26 min ago"
    assert "[13 × throttle]" in ring["done"]
    assert "[2 × suspend held]" in ring["done"]
    assert ring["href"] == f"/incident?id={ring['id']}"
    assert "1 open, high" in text(page)


def test_filters_of_the_queue_narrow_it(app: App, told: Told) -> None:
    page = app()
    page.text_input(key="q").set_value(RING[3]).run()
    assert [row["id"] for row in rows(page, "Incidents")] == [told.story.incidents["ring"]]
    page.text_input(key="q").set_value("no such thing").run()
    assert "No incident matches." in text(page)
    page.text_input(key="q").set_value("").run()
    page.selectbox(key="severity").set_value("Low too").run()
    assert told.story.incidents["permitted"] in [row["id"] for row in rows(page, "Incidents")]
    page.multiselect(key="kind").set_value(["Telemetry gap"]).run()
    assert [row["id"] for row in rows(page, "Incidents")] == [told.story.incidents["gap"]]


def test_a_filtered_queue_is_an_address(app: App, told: Told) -> None:
    page = well(app("incidents", state="Closed"))
    assert {row["id"] for row in rows(page, "Incidents")} == {
        told.story.incidents["resolved"],
        told.story.incidents["dismissed"],
    }


def test_an_incident_says_what_how_sure_who_and_what_was_done(app: App, told: Told) -> None:
    page = well(app("incident", id=told.story.incidents["ring"]))
    said = text(page)
    assert "14 accounts share two prompt templates" in said
    assert "Practically certain" in said
    assert "2 independent detector families agree" in said
    assert "Offenders restricted 13 of 14" in said
    assert "median gap 4.2 s" in said.lower()
    members = rows(page, "Members")
    assert [row["id"] for row in members[:2]] == [f"account:{RING[0]}", f"account:{RING[1]}"]
    assert members[0]["score"] == "0.99"
    assert members[0]["org"] == "org-900"
    assert members[0]["calls"] not in ("0", "–")
    assert "[throttle, rpm 10]" in members[0]["force"]
    assert members[-1]["role"] == "[context]"
    actions = tables(page)["Actions"]["rows"]
    held = next(row for row in actions if row["cells"]["state"]["badges"][0]["text"] == "held")
    gate = next(item for item in held["detail"] if item["label"] == "Gate")
    assert [badge["text"] for badge in gate["badges"]][-1] == "approval: hold"
    assert "r.okafor acknowledged it" in said
    # Two panels on one axis: the members, and everybody else.
    assert len(page.get("vega_lite_chart")) == 2


def test_evidence_shows_metadata_and_no_text(app: App, told: Told) -> None:
    page = well(app("incident", id=told.story.incidents["ring"]))
    shown = tables(page)["Evidence"]
    assert len(shown["rows"]) == 20
    assert {row["cells"]["account"]["text"] for row in shown["rows"]} <= set(RING)
    assert "glowing review" not in str(shown)


def test_the_timeline_has_three_panels_on_one_axis(app: App, told: Told) -> None:
    page = well(app("timeline"))
    assert len(page.get("vega_lite_chart")) == 3
    assert told.story.incidents["ring"] in {row["id"] for row in rows(page, "Incidents")}


def test_accounts_are_found_by_a_part_of_their_id(app: App) -> None:
    page = well(app("accounts"))
    assert {row["account"] for row in rows(page, "Restricted accounts")} >= {LOUD, RING[0]}
    page.text_input(key="account_q").set_value("20417").run()
    assert [row["account"] for row in rows(page, "Accounts")] == [RING[0]]


def test_an_account_shows_activity_incidents_and_actions(app: App, told: Told) -> None:
    page = well(app("account", tenant=TENANT, id=RING[0]))
    assert "calls in 30 days" in text(page)
    assert [row["id"] for row in rows(page, "Incidents")] == [told.story.incidents["ring"]]
    assert {row["state"] for row in rows(page, "Actions")} == {"[held]", "[confirmed]"}
    assert len(tables(page)["Calls"]["rows"]) == 20
    assert len(page.get("vega_lite_chart")) == 1


def test_actions_start_with_the_held_ones_and_filter_by_state(app: App, told: Told) -> None:
    page = well(app("actions"))
    states = [row["state"] for row in rows(page, "Actions")]
    assert states[:3] == ["[held]"] * 3
    assert {f"[{state.value}]" for state in ActionState} == set(states)
    page = well(app("actions", action_state="Failed"))
    assert [row["id"] for row in rows(page, "Actions")] == [told.story.actions[ActionState.FAILED]]


def test_a_link_to_an_action_opens_its_row(app: App, told: Told) -> None:
    wanted = told.story.actions[ActionState.SUPPRESSED]
    page = well(app("actions", action=wanted))
    (row,) = tables(page)["Actions"]["rows"]
    assert (row["id"], row["expanded"]) == (wanted, True)


def test_health_shows_failures_sources_and_dead_letters_by_reason(app: App) -> None:
    page = well(app("health"))
    assert "1 detector runs failed in 24 hours" in text(page)
    assert {row["detector"].split(" ")[0] for row in rows(page, "Detectors")} == {
        "telemetry_gap",
        "account_volume",
        "shared_template",
    }
    assert rows(page, "Jobs")[0]["job"] == "dispatch"
    worst = rows(page, "Dead letters")[0]
    assert (worst["reason"], worst["count"]) == ("malformed_json from vigil.events", "14")
    assert "a quote is missing" in worst["example"]
    sources = {row["source"] for row in rows(page, "Sources")}
    assert sources >= {f"gateway-1 {TENANT}", f"gateway-east {OTHER}", f"gateway-west {OTHER}"}


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_page_says_what_to_do(empty_app: App, name: str) -> None:
    page = well(empty_app(name))
    assert 'class="v-empty"' in markup(page)
    assert not tables(page)


@pytest.mark.parametrize("name", ["incident", "account"])
def test_a_link_to_what_is_not_there_says_so(empty_app: App, name: str) -> None:
    page = well(empty_app(name, id="inc_gone", tenant="nobody"))
    assert 'class="v-empty"' in markup(page)


@pytest.mark.parametrize("name", PAGES)
def test_without_clickhouse_the_page_stays_up_and_says_so(
    app: App, told: Told, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("VIGIL_CLICKHOUSE__URL", "clickhouse://vigil:x@127.0.0.1:1/vigil")
    query = {"incident": {"id": told.story.incidents["ring"]}, "account": {"tenant": TENANT, "id": RING[0]}}.get(
        name, {}
    )
    page = app(name, **query)
    assert not page.exception
    if name in ("incidents", "actions"):
        well(page)  # they need the record only
    else:
        assert "does not answer" in text(page)
        assert "is it running?" in text(page)
    if name == "incident":
        assert rows(page, "Members")[0]["id"] == f"account:{RING[0]}"


@pytest.mark.parametrize("name", LISTS)
def test_without_the_record_the_page_stays_up_and_says_so(app: App, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("VIGIL_RECORD__URL", "postgresql://vigil@127.0.0.1:1/vigil")
    page = app(name)
    assert not page.exception
    assert "cannot be used" in text(page)


def test_without_a_stack_the_page_says_how_to_start_one(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIGIL_CLICKHOUSE__URL")
    page = app("timeline")
    assert not page.exception
    assert "start one with vigil up" in text(page)


def test_a_wrong_setting_is_said_on_the_page(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_CLOCK__SPEED", "fast")
    page = app()
    assert not page.exception
    assert "clock.speed" in text(page)


def test_what_was_never_in_force_has_no_end(app: App) -> None:
    shown = rows(well(app("actions")), "Actions")
    never = [row["until"] for row in shown if row["state"] in ("[shadow]", "[suppressed]", "[failed]")]
    assert never
    assert set(never) == {"–"}
    assert any(row["until"].startswith("in ") for row in shown if row["state"] == "[confirmed]")


@pytest.mark.parametrize("unknown", [False, True])
def test_a_console_without_a_person_says_so(app: App, monkeypatch: pytest.MonkeyPatch, unknown: bool) -> None:
    def nobody() -> str:
        if unknown:
            raise KeyError("getpwuid(): uid not found: 10001")
        return "vigil"  # as the image's user is called

    monkeypatch.delenv("VIGIL_DASHBOARD__ANALYST")
    monkeypatch.setattr("getpass.getuser", nobody)
    assert "set VIGIL_DASHBOARD__ANALYST" in text(well(app()))


def test_the_foot_says_which_day_it_is_for_vigil_and_a_person_is_not_warned(app: App) -> None:
    shown = text(app())
    assert "2026-11-24 12:00:30" in shown
    assert "VIGIL_DASHBOARD__ANALYST" not in shown


def test_commands_in_advice_are_set_apart_not_in_backticks(empty_app: App) -> None:
    page = empty_app("health")
    assert "vigil ingest --file calls.jsonl" in text(page)
    assert "`" not in text(page)
