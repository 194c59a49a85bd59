"""Stages by themselves: what each says, and how the gate makes one decision of all verdicts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from enforcement.gate import EFFECT_STAGES, GateContext, Verdict, pass_through
from enforcement.gate.duplicate import DuplicateStage
from enforcement.gate.mode import in_canary
from enforcement.policies.policy import Policy, Rung
from enforcement.proposal import Proposal
from tests.enforcement.sample import HOUR, NOW, RING_THROTTLE, account, policy, ring
from vigil.effect import Action, ActionState, EffectKind, StageVerdict
from vigil.errors import ConfigError
from vigil.settings import load


def proposal(of: Policy, name: str = "a", rung: Rung | None = None) -> Proposal:
    return Proposal(of, ring(name), account(name), rung or of.ladder[0], 0, {}, account_ids=(name,))


def context(**fields: Any) -> GateContext:
    base: dict[str, Any] = {
        "now": NOW,
        "mode_override": "as-configured",
        "switches": (),
        "protected": frozenset(),
        "permitted": None,
        "history": (),
        "imposed_last_hour": 0,
        "targets_in_force": 0,
        "active_accounts": None,
    }
    return GateContext(**{**base, **fields})


def action(effect: EffectKind, **fields: Any) -> Action:
    base = Action(
        action_id="act_0",
        at=NOW - HOUR,
        effect=effect,
        parameters={},
        target=account("a"),
        policy="other",
        policy_version="v",
        incident_id="inc_0",
        state=ActionState.CONFIRMED,
        reason="",
        expires_at=NOW + timedelta(days=30),
    )
    return msgspec.structs.replace(base, **fields)


class Says:
    """A stage that always says the same."""

    def __init__(self, verdict: Verdict) -> None:
        self.name = f"says_{verdict.value}"
        self._verdict = verdict

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        return self._verdict, "so it is"


@pytest.mark.parametrize(
    ("verdicts", "state", "reason"),
    [
        ([], ActionState.DISPATCHED, "dispatch: every stage passed"),
        (["pass", "pass"], ActionState.DISPATCHED, "dispatch: every stage passed"),
        (["pass", "hold"], ActionState.HELD, "says_hold: so it is"),
        (["hold", "shadow"], ActionState.SHADOW, "says_shadow: so it is"),
        (["hold", "shadow", "suppress", "pass"], ActionState.SUPPRESSED, "says_suppress: so it is"),
    ],
)
def test_the_strongest_verdict_decides_and_all_are_in_the_trace(
    tmp_path: Path, verdicts: list[str], state: ActionState, reason: str
) -> None:
    stages = [Says(Verdict(verdict)) for verdict in verdicts]
    outcome = pass_through(stages, proposal(policy(tmp_path, RING_THROTTLE)), context())
    assert (outcome.state, outcome.reason) == (state, reason)
    assert outcome.trace == tuple(StageVerdict(f"says_{verdict}", verdict, "so it is") for verdict in verdicts)


def test_every_stage_has_a_name_of_its_own_and_passes_what_nothing_speaks_against(tmp_path: Path) -> None:
    names = [stage.name for stage in EFFECT_STAGES]
    assert len(names) == len(set(names))
    outcome = pass_through(EFFECT_STAGES, proposal(policy(tmp_path, RING_THROTTLE)), context())
    assert {verdict.verdict for verdict in outcome.trace} == {"pass"}
    assert all(verdict.reason for verdict in outcome.trace)


def test_a_canary_acts_on_the_same_share_every_time_and_on_more_as_it_grows(tmp_path: Path) -> None:
    def chosen(percent: int) -> set[str]:
        canary = policy(tmp_path, RING_THROTTLE, mode=f"{{canary: {{percent: {percent}}}}}")
        return {name for name in map(str, range(2_000)) if in_canary(canary, account(name))}

    ten, half, everybody = chosen(10), chosen(50), chosen(100)
    assert ten == chosen(10)
    assert ten < half < everybody
    assert 150 < len(ten) < 250
    assert 900 < len(half) < 1_100
    assert len(everybody) == 2_000


def test_a_canary_records_what_it_would_have_done_to_the_others(tmp_path: Path) -> None:
    canary = policy(tmp_path, RING_THROTTLE, mode="{canary: {percent: 50}}")
    for name in map(str, range(20)):
        outcome = pass_through(EFFECT_STAGES, proposal(canary, name), context())
        expected = ActionState.DISPATCHED if in_canary(canary, account(name)) else ActionState.SHADOW
        assert outcome.state is expected


@pytest.mark.parametrize(
    ("there", "wanted", "verdict"),
    [
        (action(EffectKind.THROTTLE), EffectKind.THROTTLE, Verdict.SUPPRESS),
        (action(EffectKind.THROTTLE, state=ActionState.DISPATCHED), EffectKind.THROTTLE, Verdict.SUPPRESS),
        (action(EffectKind.THROTTLE, state=ActionState.LIFTED), EffectKind.THROTTLE, Verdict.PASS),
        (action(EffectKind.THROTTLE), EffectKind.SUSPEND, Verdict.PASS),
        (action(EffectKind.SUSPEND), EffectKind.THROTTLE, Verdict.SUPPRESS),
        (action(EffectKind.SUSPEND, expires_at=NOW + timedelta(minutes=1)), EffectKind.THROTTLE, Verdict.PASS),
        (action(EffectKind.SUSPEND, lifted_by="ana"), EffectKind.THROTTLE, Verdict.PASS),
        (action(EffectKind.SUSPEND), EffectKind.BAN, Verdict.PASS),
        (action(EffectKind.BAN, expires_at=None), EffectKind.SUSPEND, Verdict.SUPPRESS),
        (action(EffectKind.NOTIFY_OWNER), EffectKind.NOTIFY_OWNER, Verdict.PASS),
    ],
)
def test_what_is_a_duplicate(tmp_path: Path, there: Action, wanted: EffectKind, verdict: Verdict) -> None:
    rung = Rung(wanted, {}, None if wanted is EffectKind.BAN else HOUR)
    found, _ = DuplicateStage().judge(proposal(policy(tmp_path, RING_THROTTLE), rung=rung), context(history=(there,)))
    assert found is verdict


@pytest.mark.parametrize("wrong", ["acount:health", "account:", "health"])
def test_a_misspelt_protected_principal_is_a_wrong_setting_and_not_silence(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("VIGIL_ENFORCEMENT__PROTECTED", f'["{wrong}"]')
    with pytest.raises(ConfigError, match=f"{wrong!r} is not of the form end_user:ID"):
        load()
