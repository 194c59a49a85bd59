"""The story's actions: at least one in every state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.dashboard.story_cast import HOSTILE, LOUD, MINUTE, OTHER, RING, SHADOWED, TENANT, THIRD
from vigil.effect import Action, ActionState, EffectKind, StageVerdict, Target
from vigil.ids import prefixed
from vigil.signal import SubjectType

_PASSES = (
    StageVerdict("kill switch", "pass", "no switch is set"),
    StageVerdict("detector health", "pass", "every supporting detector ran within its deadline"),
    StageVerdict("protected", "pass", "the target is not protected"),
    StageVerdict("duplicate", "pass", "no such effect is in force on the target"),
    StageVerdict("budget", "pass", "14 of 50 this hour, 0.2 % of 0.5 % of active accounts"),
)


def _action(
    now: datetime,
    minutes: float,
    effect: EffectKind,
    target: Target,
    incident_id: str,
    state: ActionState,
    policy: str,
    *,
    reason: str = "budget passed it: 14 of 50 this hour",
    trace: tuple[StageVerdict, ...] = _PASSES,
    expires: float | None = None,
    **fields: Any,
) -> Action:
    """`minutes` before `now`; `expires` minutes after `now`."""
    at = now - minutes * MINUTE
    if state in (ActionState.CONFIRMED, ActionState.LIFTED):
        fields.setdefault("confirmed_at", at + timedelta(seconds=2))
    return Action(
        action_id=prefixed("act", policy, incident_id, target.id, effect.value),
        at=at,
        effect=effect,
        parameters=fields.pop("parameters", {}),
        target=target,
        policy=policy,
        policy_version="b41f09d2c7aa",
        incident_id=incident_id,
        state=state,
        reason=reason,
        trace=trace,
        expires_at=None if expires is None else now + expires * MINUTE,
        facts={"incident.severity": "critical", "member.score": 0.97},
        **fields,
    )


def all_actions(now: datetime, ids: Mapping[str, str], *, hostile: bool) -> Iterator[Action]:
    """Every decision; `ids` are incident ids by name."""
    confirmed, held, lifted = ActionState.CONFIRMED, ActionState.HELD, ActionState.LIFTED
    for place, name in enumerate(RING):
        target = Target(SubjectType.ACCOUNT, name, TENANT)
        late = 25.3 if place < 12 else 10.5
        if place == 13:
            yield _action(
                now,
                late,
                EffectKind.THROTTLE,
                target,
                ids["ring"],
                lifted,
                "ring-containment",
                parameters={"rpm": 10},
                lifted_by="r.okafor",
                lift_decided_at=now - 6 * MINUTE,
                lifted_at=now - 5.9 * MINUTE,
            )
        else:
            yield _action(
                now,
                late,
                EffectKind.THROTTLE,
                target,
                ids["ring"],
                confirmed,
                "ring-containment",
                parameters={"rpm": 10},
                expires=1_414,
            )
    approval = (*_PASSES, StageVerdict("approval", "hold", "suspend needs 2 persons"))
    for place, name in enumerate(RING[:2]):
        yield _action(
            now,
            25.2 - place / 60,
            EffectKind.SUSPEND,
            Target(SubjectType.ACCOUNT, name, TENANT),
            ids["ring"],
            held,
            "ring-containment",
            parameters={"for": "7d"},
            reason="held by approval: suspend needs 2 persons",
            trace=approval,
            approvals_needed=2,
            expires=10_055,
        )
    org = Target(SubjectType.ORG, "trust-oncall", TENANT)
    yield _action(
        now,
        25.4,
        EffectKind.PAGE,
        org,
        ids["ring"],
        confirmed,
        "ring-containment",
        reason="severity critical pages",
        trace=(),
    )
    yield _action(
        now,
        8.8,
        EffectKind.THROTTLE,
        Target(SubjectType.ACCOUNT, LOUD, THIRD),
        ids["volume"],
        ActionState.DISPATCHED,
        "volume-guard",
        parameters={"rpm": 30},
        expires=1_431,
    )
    yield _action(
        now, 8.8, EffectKind.PAGE, org, ids["volume"], confirmed, "volume-guard", reason="severity high pages", trace=()
    )
    shadow = (*_PASSES, StageVerdict("mode", "shadow", "the policy is in shadow mode"))
    yield _action(
        now,
        132,
        EffectKind.STEP_UP,
        Target(SubjectType.ACCOUNT, SHADOWED, OTHER),
        ids["shadowed"],
        ActionState.SHADOW,
        "extraction-step-up",
        reason="shadow: the policy records what it would do",
        trace=shadow,
    )
    yield _action(
        now,
        309,
        EffectKind.SUSPEND,
        Target(SubjectType.API_KEY, "key_9f2c61", TENANT),
        ids["failing"],
        ActionState.FAILED,
        "stolen-key",
        parameters={"for": "7d"},
        reason="refused by the webhook: 404, no such key",
    )
    for number in range(40100, 40106):
        yield _action(
            now,
            1_309,
            EffectKind.SUSPEND,
            Target(SubjectType.ACCOUNT, f"acct-{number}", TENANT),
            ids["resolved"],
            lifted,
            "ring-containment",
            parameters={"for": "12h"},
            expires=-589,
            lifted_by="expiry",
            lift_decided_at=now - 589 * MINUTE,
            lifted_at=now - 588.9 * MINUTE,
        )
    protected = (
        *_PASSES[:2],
        StageVerdict("protected", "suppress", "acct-15001 is protected: key customer, agreed 2026-10-02"),
    )
    yield _action(
        now,
        2_899,
        EffectKind.THROTTLE,
        Target(SubjectType.ACCOUNT, "acct-15001", TENANT),
        ids["dismissed"],
        ActionState.SUPPRESSED,
        "volume-guard",
        parameters={"rpm": 30},
        reason="suppressed by protected: key customer, agreed 2026-10-02",
        trace=protected,
    )
    if hostile:
        bad = (StageVerdict(HOSTILE, "hold", HOSTILE),)
        yield _action(
            now,
            2.5,
            EffectKind.THROTTLE,
            Target(SubjectType.ACCOUNT, HOSTILE, HOSTILE),
            ids["hostile"],
            held,
            "hostile-policy",
            parameters={"note": HOSTILE},
            reason=HOSTILE,
            trace=bad,
            approvals_needed=1,
        )
