"""Found, contained, nobody wronged: the verdict on the record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.demo.verdict import Verdict, judge
from simulator.truth import Instance, TrueSubject, Truth
from vigil.effect import Action, ActionState, EffectKind, Target
from vigil.incident import Evidence, Incident, IncidentState
from vigil.signal import IncidentKind, Severity, Subject, SubjectRole, SubjectType, Window

START = datetime(2026, 11, 24, 14, tzinfo=UTC)
MEMBERS = [f"m{number}" for number in range(10)]
TRUTH = Truth(
    seed=1,
    scale="small",
    start=START,
    end=START + timedelta(hours=1),
    instances=tuple(
        Instance(
            scenario=name,
            instance_id=f"{name}-1",
            tenant_id="t",
            lookalike=lookalike,
            kinds=() if lookalike else (IncidentKind.COORDINATED_RING,),
            subjects=tuple(
                TrueSubject(SubjectType.ACCOUNT, account, SubjectRole.CONTEXT if lookalike else SubjectRole.OFFENDER)
                for account in accounts
            ),
            start=START,
            end=START + timedelta(minutes=50),
            detectable_from=None if lookalike else START + timedelta(minutes=3),
            summary=name,
        )
        for name, lookalike, accounts in (("ring", False, MEMBERS), ("crowd", True, ["c1", "c2", "m0"]))
    ),
)


def incident(*accounts: str, minutes: int = 5, **changes: Any) -> Incident:
    at = START + timedelta(minutes=minutes)
    values: dict[str, Any] = {
        "incident_id": f"inc_{accounts[0]}",
        "tenant_id": "t",
        "kind": IncidentKind.COORDINATED_RING,
        "severity": Severity.HIGH,
        "state": IncidentState.OPEN,
        "fingerprint": accounts[0],
        "title": "a ring",
        "summary": "",
        "opened_at": at,
        "updated_at": at,
        "window": Window(START, at),
        "subjects": tuple(Subject(SubjectType.ACCOUNT, account) for account in accounts),
        "detectors": (),
        "evidence": Evidence(),
    }
    return Incident(**(values | changes))


def throttle(account: str, minutes: int | None = 6, **changes: Any) -> Action:
    values: dict[str, Any] = {
        "action_id": f"act_{account}",
        "at": START,
        "effect": EffectKind.THROTTLE,
        "parameters": {},
        "target": Target(SubjectType.ACCOUNT, account, "t"),
        "policy": "p",
        "policy_version": "1",
        "incident_id": None,
        "state": ActionState.DISPATCHED if minutes is None else ActionState.CONFIRMED,
        "reason": "",
        "confirmed_at": None if minutes is None else START + timedelta(minutes=minutes),
    }
    return Action(**(values | changes))


def verdict(incidents: Sequence[Incident], actions: Sequence[Action]) -> Verdict:
    return judge(TRUTH, incidents, actions, {("t", "key-of-m9"): "m9"})


def test_found_and_contained() -> None:
    found = verdict([incident(*MEMBERS)], [throttle(account, minutes) for minutes, account in enumerate(MEMBERS)])
    assert found.problems == ()
    [attack] = found.attacks
    assert attack.found_at == START + timedelta(minutes=5)
    assert attack.contained_at == START + timedelta(minutes=7)  # the eighth of ten
    assert attack.share == 1.0


def test_nothing_found() -> None:
    assert verdict([], []).problems == ("ring was not found",)


@pytest.mark.parametrize(
    "other",
    [
        incident(*MEMBERS, kind=IncidentKind.TELEMETRY_GAP),
        incident(*MEMBERS, severity=Severity.LOW),
        incident(*MEMBERS, tenant_id="u"),
        incident("somebody"),
        incident(*MEMBERS, subjects=tuple(Subject(SubjectType.ACCOUNT, m, role=SubjectRole.VICTIM) for m in MEMBERS)),
    ],
)
def test_other_incidents_do_not_count_as_found(other: Incident) -> None:
    assert "ring was not found" in verdict([other], []).problems


def test_too_few_confirmed() -> None:
    actions = [throttle(account) for account in MEMBERS[:7]] + [throttle(account, None) for account in MEMBERS[7:]]
    [problem] = verdict([incident(*MEMBERS)], actions).problems
    assert "7 of 10" in problem


def test_an_effect_on_a_key_counts_for_its_account() -> None:
    actions = [throttle(account) for account in MEMBERS[:7]]
    actions.append(throttle("x", target=Target(SubjectType.API_KEY, "key-of-m9", "t")))
    assert verdict([incident(*MEMBERS)], actions).problems == ()


def test_innocent_accounts_are_named() -> None:
    actions = [throttle(account) for account in [*MEMBERS, "bystander"]]
    found = verdict([incident(*MEMBERS)], actions)
    assert [action.target.id for action in found.innocent] == ["bystander"]
    assert any("bystander" in problem for problem in found.problems)


def test_effects_that_were_not_imposed_wrong_nobody() -> None:
    actions = [throttle(account) for account in MEMBERS]
    actions += [
        throttle("bystander", state=ActionState.SUPPRESSED),
        throttle("page", effect=EffectKind.PAGE),
    ]
    assert verdict([incident(*MEMBERS)], actions).problems == ()


def test_an_accused_lookalike_is_a_problem_and_a_shared_offender_is_not() -> None:
    actions = [throttle(account) for account in MEMBERS]
    assert verdict([incident(*MEMBERS)], actions).lookalikes[0].untouched
    accused = verdict([incident(*MEMBERS), incident("c1")], actions)
    assert not accused.lookalikes[0].untouched
    assert any("crowd" in problem for problem in accused.problems)


def test_a_touched_lookalike_is_a_problem() -> None:
    touched = verdict([incident(*MEMBERS)], [throttle(account) for account in [*MEMBERS, "c2"]])
    assert any("touched" in problem for problem in touched.problems)


def test_incidents_of_nobody_are_listed() -> None:
    assert [one.title for one in verdict([incident("who", title="odd")], []).other_incidents] == ["odd"]
