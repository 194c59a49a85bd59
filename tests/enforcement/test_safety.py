"""What keeps severe effects back: sick detectors, one family alone, many at once, a person's wish for quiet, a delay."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from enforcement.health import Run, why_sick
from tests.enforcement.sample import HOUR, NOW, RING_THROTTLE, World, account, member, policy, ring
from vigil.effect import ActionState, EffectKind
from vigil.errors import UsageError
from vigil.incident import DetectorSupport
from vigil.record import Record, approvals, ledger, snoozes
from vigil.record.schema import detector_runs
from vigil.record.snoozes import SnoozeKind

SUSPEND = {"ladder": "[suspend: {for: 7d}]"}
TWO_FAMILIES = (
    DetectorSupport("shared_template", "1", "coordination", 0.97),
    DetectorSupport("velocity", "1", "accounts", 0.9),
)


def run_row(hours_ago: float, error: str | None = None, detector: str = "shared_template") -> dict[str, Any]:
    moment = NOW - timedelta(hours=hours_ago)
    columns = {"detector": detector, "window_end": moment, "version": "1", "started_at": moment, "seconds": 1.0}
    return {**columns, "rows_seen": 1, "signals": 0, "error": error, "facts": "{}"}


class TestHealth:
    @pytest.mark.parametrize(
        ("hours_and_errors", "why"),
        [
            ([], None),
            ([(0.5, None), (1, None), (1.5, None)], None),
            ([(0.5, "boom\nlong"), (1, None)], "failed in its last run (boom)"),
            ([(0.5, None), (1, "x"), (1.5, "x"), (2, None)], "failed in 2 of its last 4 runs"),
            ([(9, None), (10, None)], "has not looked since 2026-11-01T03:00+00:00"),
            ([(6, None), (7, None)], None),
            ([(30, None), (54, None)], None),
            ([(2.9, None)], None),
        ],
    )
    def test_what_is_sick(self, hours_and_errors: list[tuple[float, str | None]], why: str | None) -> None:
        runs = [Run(NOW - timedelta(hours=hours), error) for hours, error in hours_and_errors]
        assert why_sick(runs, NOW) == why

    def test_a_sick_detector_holds_what_cannot_be_given_back_and_soft_effects_pass(
        self, record: Record, tmp_path: Path
    ) -> None:
        policies = [policy(tmp_path, RING_THROTTLE, policy="soft"), policy(tmp_path, RING_THROTTLE, **SUSPEND)]
        world = World(record, policies)
        with record.write() as connection:
            rows = [run_row(0.1, "ClickHouse is away"), run_row(1), run_row(0.1, "x", "another")]
            connection.execute(insert(detector_runs), rows)
        world.open(ring("a"))
        world.enforce()
        found = {one.effect: one for one in world.actions(effects=[EffectKind.THROTTLE, EffectKind.SUSPEND])}
        assert found[EffectKind.THROTTLE].state is ActionState.DISPATCHED
        assert found[EffectKind.SUSPEND].state is ActionState.HELD
        assert found[EffectKind.SUSPEND].reason == (
            "health: shared_template failed in its last run (ClickHouse is away): suspend waits for a person"
        )
        [page] = world.actions(effects=[EffectKind.PAGE])
        assert "was held by health" in page.parameters["text"]


class TestAgreement:
    @pytest.mark.parametrize(
        ("detectors", "agreement", "state"),
        [
            (TWO_FAMILIES, "", "dispatched"),
            (TWO_FAMILIES[:1], "", "held"),
            ((TWO_FAMILIES[0], DetectorSupport("jailbreak", "1", "content", 1)), "", "held"),
            ((DetectorSupport("x", "1", "unheard-of", 1), TWO_FAMILIES[1]), "", "held"),
            (TWO_FAMILIES[:1], "{from: ban}", "dispatched"),
            (TWO_FAMILIES, "{families: 3}", "held"),
            (TWO_FAMILIES[:1], "{families: 1, because: only keys}", "dispatched"),
        ],
    )
    def test_severe_effects_need_families_that_share_no_input(
        self, record: Record, tmp_path: Path, detectors: tuple[DetectorSupport, ...], agreement: str, state: str
    ) -> None:
        world = World(record, [policy(tmp_path, RING_THROTTLE, **SUSPEND, agreement=agreement)])
        world.open(ring("a", detectors=detectors))
        world.enforce()
        assert [one for one in world.states() if one[1] == "suspend"] == [("a", "suspend", state)]

    def test_the_reason_names_what_supports_it(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [policy(tmp_path, RING_THROTTLE, **SUSPEND, agreement="")])
        world.open(ring("a"))
        world.enforce()
        [action] = world.actions(effects=[EffectKind.SUSPEND])
        wanted = "agreement: suspend needs 2 families that share no input, supported by coordination (prompts)"
        assert action.reason == wanted

    def test_milder_effects_need_none(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [policy(tmp_path, RING_THROTTLE, agreement="")])
        world.open(ring("a"))
        world.enforce()
        assert world.states() == [("a", "throttle", "dispatched")]


class TestApproval:
    def test_without_a_word_about_it_a_ban_waits_for_a_person(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [policy(tmp_path, RING_THROTTLE, ladder="[ban]", approval="")])
        world.open(ring("a"))
        world.enforce()
        [ban] = world.actions(effects=[EffectKind.BAN])
        assert (ban.state, ban.approvals_needed) == (ActionState.HELD, 1)

    def test_many_at_once_wait_for_a_person(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [policy(tmp_path, RING_THROTTLE, approval="{from: ban, bulk: 3}")])
        world.open(ring("a", "b", "c"), ring("d", "e", "f", "g", incident_id="inc_2"))
        world.enforce()
        assert {one.state for one in world.actions(incident_id="inc_1")} == {ActionState.DISPATCHED}
        held = world.actions(incident_id="inc_2", effects=[EffectKind.THROTTLE])
        assert {one.reason for one in held} == {
            "approval: one person has to approve 4 principals of one incident at once (more than 3)"
        }
        approvals.approve(record, world.clock, held[0].action_id, "ana")
        world.dispatch()
        assert ("d", "throttle", "confirmed") in world.states()


class TestSnooze:
    def test_a_snoozed_principal_or_incident_is_left_alone_until_its_end(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [policy(tmp_path, RING_THROTTLE)])
        until = NOW + HOUR
        on_b = snoozes.snooze_principal(record, world.clock, account("b"), until, "ana", "we talk to them")
        snoozes.snooze_incident(record, world.clock, "acme", "inc_2", until, "ana", "a drill")
        world.open(ring("a", "b"), ring("c", incident_id="inc_2"))
        world.enforce()
        reasons = {one.target.id: one.reason for one in world.actions()}
        assert reasons == {
            "a": "dispatch: every stage passed",
            "b": "snooze: ana snoozed account b until 2026-11-01T13:00+00:00: we talk to them",
            "c": "snooze: ana snoozed inc_2 until 2026-11-01T13:00+00:00: a drill",
        }
        snoozes.release(record, world.clock, on_b.snooze_id, "bob")
        world.update("inc_1")
        world.clock.advance(HOUR)
        world.update("inc_2")
        world.enforce()
        assert {state for _, _, state in world.states()} == {"dispatched"}
        with record.read() as connection:
            kinds = [entry.entry_type for entry in ledger.entries(connection)]
        assert kinds.count("snooze_set") == 2
        assert kinds.count("snooze_released") == 1

    def test_paused_automation_leaves_the_decision_to_a_person(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [policy(tmp_path, RING_THROTTLE)])
        later = NOW + HOUR
        snoozes.snooze_principal(record, world.clock, account("a"), later, "ana", "appeal", SnoozeKind.PAUSE)
        world.open(ring("a"))
        world.enforce()
        [action] = world.actions(effects=[EffectKind.THROTTLE])
        assert (action.state, action.reason.split(" until")[0]) == (
            ActionState.HELD,
            "snooze: ana paused automation on account a",
        )

    def test_a_snooze_needs_a_reason_a_person_and_an_end(self, record: Record, tmp_path: Path) -> None:
        clock = World(record, []).clock
        for until, actor, reason, message in (
            (NOW + HOUR, "ana", " ", "needs a reason"),
            (NOW, "ana", "x", "has to end in the future"),
            (NOW + HOUR, "vigil", "x", "not a person's name"),
        ):
            with pytest.raises(UsageError, match=message):
                snoozes.snooze_principal(record, clock, account("a"), until, actor, reason)
        with pytest.raises(UsageError, match="no snooze snz_0 is set"):
            snoozes.release(record, clock, "snz_0", "ana")


class TestDelay:
    def test_the_moment_is_drawn_once_uniformly_and_the_effect_lasts_from_then(
        self, record: Record, tmp_path: Path
    ) -> None:
        names = [f"m{number}" for number in range(60)]
        world = World(record, [policy(tmp_path, RING_THROTTLE, delay="{after: 1h, within: 2h}")])
        world.open(ring(*map(member, names)))
        world.enforce()
        found = world.actions()
        moments = [(one.execute_at - NOW) / HOUR for one in found if one.execute_at is not None]
        assert len(moments) == 60
        assert min(moments) >= 1
        assert max(moments) < 3
        assert 1.7 < sum(moments) / 60 < 2.3
        assert len({round(moment, 4) for moment in moments}) == 60
        assert all(one.expires_at == (one.execute_at or NOW) + timedelta(hours=24) for one in found)
        assert world.dispatch() == 0, "not yet"
        world.clock.advance(2 * HOUR)
        world.dispatch()
        due = sum(1 for moment in moments if moment <= 2)
        assert [one.state for one in world.actions()].count(ActionState.CONFIRMED) == due
        world.clock.advance(HOUR)
        world.dispatch()
        assert {one.state for one in world.actions()} == {ActionState.CONFIRMED}

    def test_at_a_time_of_day(self, record: Record, tmp_path: Path) -> None:
        policies = [
            policy(tmp_path, RING_THROTTLE, policy="night", delay="{at: 02:30}"),
            policy(tmp_path, RING_THROTTLE, policy="noon", delay="{at: 12:00}", ladder="[step_up: {for: 1d}]"),
        ]
        world = World(record, policies)
        world.open(ring("a"))
        world.enforce()
        moments = {one.policy: one.execute_at for one in world.actions()}
        assert moments == {"night": NOW + timedelta(hours=14, minutes=30), "noon": NOW}

    def test_an_approved_effect_waits_as_long_after_the_approval(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [policy(tmp_path, RING_THROTTLE, mode="manual", delay="{within: 2h}")])
        world.open(ring("a"))
        world.enforce()
        [held] = world.actions(effects=[EffectKind.THROTTLE])
        assert held.execute_at is not None
        world.clock.advance(5 * HOUR)
        released = approvals.approve(record, world.clock, held.action_id, "ana")
        assert released.execute_at == held.execute_at + 5 * HOUR
        world.dispatch()
        assert ("a", "throttle", "dispatched") in world.states()
        world.clock.advance(2 * HOUR)
        world.dispatch()
        assert ("a", "throttle", "confirmed") in world.states()
