"""Deciding: what policies do with incidents, once, completely, and with everything that the record must show."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.enforcement.sample import HOUR, NOW, RING_THROTTLE, World, account, member, policy, ring
from vigil.effect import ActionState, EffectKind
from vigil.incident import DetectorSupport, IncidentState
from vigil.permitted import Permission, PermittedPrincipals
from vigil.record import Record, actions, incidents, kill_switches, ledger, outbox, policy_versions
from vigil.settings import EnforcementSettings
from vigil.signal import IncidentKind, Severity, Subject, SubjectRole, SubjectType, Window
from vigil.warehouse.accounts import AccountFacts


def test_offenders_that_the_policy_aims_at_get_their_effect(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE)])
    world.open(
        ring("a", "b", member("weak", 0.5), member("victim", 1.0, SubjectRole.VICTIM), Subject(SubjectType.MODEL, "m"))
    )
    assert world.enforce() == 2
    assert world.states() == [("a", "throttle", "dispatched"), ("b", "throttle", "dispatched")]
    [first, _] = world.actions()
    assert first.parameters == {"rpm": 10}
    assert first.expires_at == NOW + timedelta(hours=24)
    assert first.reason == "dispatch: every stage passed"
    assert [verdict.stage for verdict in first.trace] == [
        "kill_switch",
        "mode",
        "health",
        "protected",
        "permitted",
        "snooze",
        "human",
        "duplicate",
        "ladder",
        "budget",
        "agreement",
        "approval",
        "delay",
    ]
    assert first.facts["member"]["score"] == 0.95
    assert first.facts["incident"]["facts"] == {"template_share": 0.4}
    assert first.facts["detectors"][0]["version"] == "1"


def test_a_decision_leaves_action_ledger_outbox_and_policy_version(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE)])
    world.open(ring("a"))
    world.enforce()
    with record.read() as connection:
        [action] = actions.list_actions(connection)
        [entry] = ledger.entries(connection)
        [row] = outbox.pending(connection)
        version = policy_versions.get(connection, "ring-throttle", action.policy_version)
        assert ledger.verify(connection).ok
    said = msgspec.json.decode(entry.payload)
    assert (entry.actor, entry.entry_type, said["action_id"]) == ("policy:ring-throttle", "decided", action.action_id)
    assert len(said["facts_sha256"]) == 64
    assert row.delivery.action_id == action.action_id
    assert version is not None
    assert version.source == RING_THROTTLE.strip()


def test_running_twice_changes_nothing(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE)])
    world.open(ring("a", "b"))
    world.enforce()
    before = world.actions()
    assert world.enforce() == 0
    world.update("inc_1")  # a revision that says nothing new
    assert world.enforce() == 0
    assert world.actions() == before
    with record.read() as connection:
        assert ledger.head(connection).seq == 2


def test_members_who_join_later_get_their_own_actions(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE)])
    world.open(ring("a"))
    world.settle()
    world.update("inc_1", subjects=(member("a"), member("c")))
    assert world.enforce() == 1
    assert world.states() == [("a", "throttle", "confirmed"), ("c", "throttle", "dispatched")]


def test_an_incident_is_contained_when_every_offender_is_confirmed(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE)])
    world.open(ring("a", "b", member("victim", role=SubjectRole.VICTIM)), ring("b", incident_id="inc_2"))
    world.enforce()
    assert world.incident().state is IncidentState.OPEN
    world.dispatch()
    assert world.incident().state is IncidentState.CONTAINED
    assert world.incident("inc_2").state is IncidentState.CONTAINED, "b is covered by the effect of another incident"
    assert world.enforce() == 0
    world.open(ring("a", incident_id="inc_3"))
    world.enforce()
    assert world.incident("inc_3").state is IncidentState.CONTAINED, "everybody in it was covered when it was opened"


def test_a_low_incident_needs_a_policy_that_speaks_of_severity(record: Record, tmp_path: Path) -> None:
    plain = policy(tmp_path, RING_THROTTLE, when='incident.kind == "coordinated_ring"')
    world = World(record, [plain])
    world.open(ring("a", severity=Severity.LOW), ring("b", incident_id="inc_2", severity=Severity.MEDIUM))
    world.enforce()
    assert world.states() == [("b", "throttle", "dispatched")]
    asked = policy(tmp_path, RING_THROTTLE, policy="low-too", when="incident.severity >= LOW")
    world.policies = [asked]
    world.update("inc_1")
    world.enforce()
    assert ("a", "throttle", "dispatched") in world.states()


def test_only_the_tenants_of_a_policy_are_touched(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE, tenants="[globex]")])
    world.open(ring("a"), ring("a", incident_id="inc_2", tenant_id="globex"))
    world.enforce()
    assert [action.target.tenant_id for action in world.actions()] == ["globex"]


@pytest.mark.parametrize(
    ("setting", "mode", "state"),
    [
        ("as-configured", "shadow", "shadow"),
        ("as-configured", "manual", "held"),
        ("as-configured", "live", "dispatched"),
        ("live", "shadow", "dispatched"),
        ("live", "manual", "dispatched"),
        ("shadow", "live", "shadow"),
    ],
)
def test_modes(record: Record, tmp_path: Path, setting: str, mode: str, state: str) -> None:
    settings = EnforcementSettings.model_validate({"mode": setting})
    world = World(record, [policy(tmp_path, RING_THROTTLE, mode=mode)], enforcement=settings)
    world.open(ring("a"))
    world.enforce()
    assert ("a", "throttle", state) in world.states()
    world.dispatch()
    throttled = [one.target.id for one in world.recorder.delivered if one.effect is EffectKind.THROTTLE]
    assert throttled == (["a"] if state == "dispatched" else [])


def test_a_shadow_policy_that_goes_live_acts_on_the_next_revision(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE, mode="shadow")])
    world.open(ring("a"))
    world.enforce()
    world.policies = [policy(tmp_path, RING_THROTTLE)]
    world.update("inc_1")
    world.enforce()
    assert world.states() == [("a", "throttle", "dispatched")]


def test_protected_permitted_and_excepted_principals_are_left_alone(record: Record, tmp_path: Path) -> None:
    excepted = policy(tmp_path, RING_THROTTLE, **{"except": "[{org: lab, until: 2027-01-01, reason: contract 1182}]"})
    orgs = {"red": "red-team", "lab": "lab", "health": None, "other": "o", "big": "enterprise"}
    world = World(
        record,
        [excepted],
        facts={("acme", name): AccountFacts(account_id=name, org_id=org) for name, org in orgs.items()},
        permitted=PermittedPrincipals([Permission("acme", "contract 7", org_id="red-team")]),
        enforcement=EnforcementSettings(protected=("account:health", "org:enterprise")),
    )
    world.open(ring(*orgs))
    world.enforce()
    reasons = {action.target.id: (action.state, action.reason) for action in world.actions()}
    assert reasons["other"][0] is ActionState.DISPATCHED
    assert reasons["health"] == (
        ActionState.SUPPRESSED,
        "protected: account:health is protected: no policy may restrict it",
    )
    assert reasons["big"][1] == "protected: org:enterprise is protected: no policy may restrict it"
    assert reasons["red"] == (ActionState.SUPPRESSED, "permitted: permitted: contract 7")
    assert reasons["lab"][1] == "permitted: the policy excepts org lab: contract 1182"


def test_a_key_of_a_permitted_account_is_permitted(record: Record, tmp_path: Path) -> None:
    text = 'incident.kind == "key_compromise" && incident.severity >= MEDIUM'
    world = World(
        record,
        [policy(tmp_path, RING_THROTTLE, when=text, targets="{principal: api_key}")],
        permitted=PermittedPrincipals([Permission("acme", "pen test", account_id="owner")]),
    )
    subjects = (Subject(SubjectType.API_KEY, "k1"), Subject(SubjectType.ACCOUNT, "owner", 1.0, SubjectRole.VICTIM))
    world.open(ring(kind=IncidentKind.KEY_COMPROMISE, subjects=subjects))
    world.enforce()
    assert world.states() == [("k1", "throttle", "suppressed")]


def test_a_kill_switch_stops_a_policy_and_its_release_lets_the_next_revision_act(
    record: Record, tmp_path: Path
) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE)])
    switch = kill_switches.engage(
        record,
        world.clock,
        kill_switches.Scope.POLICY,
        "ring-throttle",
        owner="ana",
        reason="wrong accounts",
        expires_at=NOW + HOUR,
    )
    world.open(ring("a"))
    world.enforce()
    [action] = world.actions()
    assert action.reason == "kill_switch: ana stopped policy ring-throttle until 2026-11-01T13:00+00:00: wrong accounts"
    kill_switches.release(record, world.clock, switch.switch_id, actor="ana")
    world.update("inc_1")
    world.enforce()
    assert world.states() == [("a", "throttle", "dispatched")]


def test_the_same_effect_is_not_put_in_force_twice_and_a_suspension_covers_a_throttle(
    record: Record, tmp_path: Path
) -> None:
    suspend = policy(tmp_path, RING_THROTTLE, policy="a-suspend", ladder="[suspend: {for: 7d}]")
    world = World(record, [suspend])
    world.open(ring("a"))
    world.settle()
    world.policies = [
        policy(tmp_path, RING_THROTTLE),
        policy(tmp_path, RING_THROTTLE, policy="other", ladder="[suspend: {for: 1d}]"),
    ]
    world.open(ring("a", incident_id="inc_2"))
    world.enforce()
    reasons = {action.policy: action.reason for action in world.actions(incident_id="inc_2")}
    assert "duplicate: suspend (act_" in reasons["other"]
    assert reasons["other"].endswith("is in force")
    assert reasons["ring-throttle"].endswith("is in force and covers it")


def test_over_the_budget_actions_are_held_and_a_person_is_paged(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE, budget="{per_hour: 2}")])
    world.open(ring("a", "b", "c", "d"))
    world.enforce()
    throttles = world.states(effects=[EffectKind.THROTTLE])
    assert [state for _, _, state in throttles] == ["dispatched", "dispatched", "held", "held"]
    [page] = world.actions(effects=[EffectKind.PAGE])
    assert page.parameters["receiver"] == "trust"
    assert "was held by budget: 2 effects in the last hour, the budget is 2" in page.parameters["text"]
    world.open(ring("e", incident_id="inc_2"))
    world.enforce()
    assert ("e", "throttle", "held") in world.states()
    assert len(world.actions(effects=[EffectKind.PAGE])) == 1, "one trouble, however many incidents run into it"
    world.clock.advance(HOUR + timedelta(seconds=1))
    world.open(ring("f", incident_id="inc_3"))
    world.enforce()
    assert ("f", "throttle", "dispatched") in world.states()


def test_a_share_of_active_accounts_never_allows_fewer_than_the_floor(record: Record, tmp_path: Path) -> None:
    facts = {("acme", f"x{number}"): AccountFacts(account_id=f"x{number}") for number in range(100)}
    budget = "{share_of_active_accounts: 2%, at_least: 3}"
    world = World(record, [policy(tmp_path, RING_THROTTLE, budget=budget)], facts=facts)
    world.open(ring("a", "b", "c", "d"))
    world.enforce()
    held = [action for action in world.actions() if action.state is ActionState.HELD]
    assert [action.reason for action in held] == [
        "budget: 3 principals are restricted, the budget is 3 (2 % of 100 active accounts, at least 3)"
    ]


def test_a_condition_that_cannot_be_evaluated_does_not_act_and_says_so(record: Record, tmp_path: Path) -> None:
    broken = policy(
        tmp_path, RING_THROTTLE, when="incident.severity >= HIGH && incident.facts.template_share.size() > 1"
    )
    world = World(record, [broken])
    world.open(ring("a"))
    assert world.enforce() == 0
    assert world.actions() == []
    with record.read() as connection:
        [entry] = ledger.entries(connection)
    assert entry.entry_type == "not_evaluated"
    assert "template_share" in entry.payload


def test_a_fact_that_is_not_known_makes_a_condition_false(record: Record, tmp_path: Path) -> None:
    young = policy(tmp_path, RING_THROTTLE, targets="{members: account.age_days < 7.0}")
    facts = {("acme", "new"): AccountFacts(account_id="new", first_seen=NOW - timedelta(days=1))}
    world = World(record, [young], facts=facts)
    world.open(ring("new", "unknown"))
    world.enforce()
    assert world.states() == [("new", "throttle", "dispatched")]
    with record.read() as connection:
        assert ledger.head(connection).seq == 1


def test_closed_incidents_are_left_to_people(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE)])
    world.open(ring("a"))
    incidents.dismiss(record, world.clock, "inc_1", "ana", "a class doing homework")
    assert world.enforce() == 0


class TestLadder:
    def test_an_offence_after_the_effect_climbs(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [policy(tmp_path, RING_THROTTLE)])
        for number, days in enumerate((0, 3, 12, 30)):
            moment = NOW + timedelta(days=days)
            world.clock.advance_to(moment)
            world.settle()  # what is over by then is lifted
            window = Window(moment - HOUR, moment)
            world.open(ring("a", incident_id=f"inc_{number}", opened_at=moment, updated_at=moment, window=window))
            world.settle()
        effects = [(one.effect.value, one.state.value) for one in world.actions() if one.effect is not EffectKind.LIFT]
        assert effects == [
            ("throttle", "lifted"),
            ("suspend", "lifted"),
            ("ban", "confirmed"),
            ("ban", "suppressed"),
        ]

    def test_two_incidents_about_the_same_traffic_are_one_offence(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [policy(tmp_path, RING_THROTTLE)])
        world.open(ring("a"))
        world.settle()
        world.clock.advance(timedelta(minutes=1))
        world.open(ring("a", incident_id="inc_2"))
        world.settle()
        assert world.states() == [("a", "throttle", "confirmed"), ("a", "throttle", "suppressed")]

    def test_strikes_decay(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [policy(tmp_path, RING_THROTTLE, decay="30d")])
        world.open(ring("a"))
        world.settle()
        moment = NOW + timedelta(days=31)
        world.clock.advance_to(moment)
        world.settle()
        world.open(
            ring("a", incident_id="inc_2", opened_at=moment, updated_at=moment, window=Window(moment - HOUR, moment))
        )
        world.settle()
        assert world.actions(incident_id="inc_2")[0].effect is EffectKind.THROTTLE

    def test_an_incident_that_goes_on_after_its_effect_ended_climbs_once_the_evidence_is_new(
        self, record: Record, tmp_path: Path
    ) -> None:
        world = World(record, [policy(tmp_path, RING_THROTTLE, grace="6h")])
        world.open(ring("a"))
        world.settle()
        world.clock.advance(timedelta(hours=25))
        world.settle()
        assert world.states(effects=[EffectKind.THROTTLE]) == [("a", "throttle", "lifted")]
        world.update("inc_1", window=Window(NOW - HOUR, NOW + timedelta(hours=25)))
        world.settle()
        assert world.states(effects=[EffectKind.SUSPEND]) == [], "traffic from before the lift is no new offence"
        world.clock.advance(timedelta(hours=8))
        world.update("inc_1", window=Window(NOW - HOUR, NOW + timedelta(hours=33)))
        world.settle()
        assert world.states(effects=[EffectKind.SUSPEND]) == [("a", "suspend", "confirmed")]


class TestPages:
    TEXT = RING_THROTTLE + "page: trust-oncall\n"

    def test_a_page_says_what_a_person_needs(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [policy(tmp_path, self.TEXT)])
        world.open(ring("a", "b\x1b[31m", title="ring\x1b[2J", summary="line\none"))
        world.enforce()
        [page] = world.actions(effects=[EffectKind.PAGE])
        assert page.parameters["title"] == "high: ring [2J"
        assert page.parameters["text"].splitlines() == [
            "What: coordinated_ring in tenant acme. line one",
            "Who: account a (95%), account b [31m (95%)",
            "How sure: shared_template 97%, p = 1e-09 (1 detector family)",
            "Since: 2026-11-01 11:00 UTC, found 2026-11-01 12:00 UTC",
            "Already done: throttle on its way: 2",
            "Do now: acknowledge with `vigil incidents ack inc_1` and look at the evidence; "
            "lift what hits the wrong account with `vigil actions lift`",
        ]

    def test_an_incident_pages_again_only_when_it_is_worse_or_reopened(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [policy(tmp_path, self.TEXT), policy(tmp_path, self.TEXT, policy="another")])

        def pages() -> int:
            world.settle()
            return len(world.actions(effects=[EffectKind.PAGE]))

        world.open(ring("a", severity=Severity.MEDIUM))
        assert pages() == 1, "two policies with the same receiver page once"
        world.update("inc_1", detectors=(DetectorSupport("x", "1", "accounts", 1.0, e_value=300.0),))
        assert pages() == 1
        world.update("inc_1", severity=Severity.HIGH)
        assert pages() == 2
        world.update("inc_1", severity=Severity.MEDIUM)
        assert pages() == 2
        incidents.resolve(record, world.clock, "inc_1", "ana")
        assert pages() == 2
        incidents.reopen(record, world.clock, "inc_1", "ana")
        assert pages() == 3

    def test_a_page_without_a_ladder_names_the_source(self, record: Record, tmp_path: Path) -> None:
        text = "policy: gap\nowner: ops\nmode: live\npage: oncall\nwhen: incident.severity >= MEDIUM"
        world = World(record, [policy(tmp_path, text)])
        world.open(
            ring(
                kind=IncidentKind.TELEMETRY_GAP, subjects=(Subject(SubjectType.SOURCE, "gw", 1, SubjectRole.AFFECTED),)
            ),
            ring(incident_id="inc_2", subjects=()),
        )
        world.settle()
        assert [(one.target.type, one.target.id) for one in world.actions()] == [
            (SubjectType.ORG, "acme"),
            (SubjectType.SOURCE, "gw"),
        ]
        assert {one.effect for one in world.recorder.delivered} == {EffectKind.PAGE}

    def test_a_kill_switch_on_everything_still_pages(self, record: Record, tmp_path: Path) -> None:
        world = World(record, [policy(tmp_path, self.TEXT)])
        scope = kill_switches.Scope.GLOBAL
        kill_switches.engage(record, world.clock, scope, "", owner="ana", reason="storm", expires_at=NOW + HOUR)
        world.open(ring("a"))
        world.settle()
        assert world.states() == [("a", "page", "confirmed"), ("a", "throttle", "suppressed")]


def test_the_target_is_found_again_by_account(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE)])
    world.open(ring("a", "b"))
    world.settle()
    with record.read() as connection:
        [effect] = actions.in_force(connection, "acme", SubjectType.ACCOUNT, "a", NOW)
        assert actions.list_actions(connection, target=account("a")) == [effect]
