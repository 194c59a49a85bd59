"""What people ask about changes."""

from __future__ import annotations

from datetime import timedelta

from simulator.calls import Event
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.reshaping import busiest_model, dice_of, fate, with_text
from simulator.text.topics import NOVEL_TOPICS
from simulator.truth import TrueSubject
from vigil.signal import IncidentKind, SubjectRole, SubjectType


@scenario(IncidentKind.EMBEDDING_DRIFT)
def diffuse_drift(stage: Stage) -> Act:
    """5 to 10 % of what a tenant's users ask is suddenly about subjects nobody asked about before, in all kinds of ways.

    Attacker: nobody. A new kind of customer arrives and asks about several new subjects.

    Reported as: the literature on concept drift and its benchmarks.

    Should notice: a global test on the distribution of prompts, within its promised false-alarm rate.
    """
    share = stage.dice.between(0.05, 0.10)
    return _drift(stage, share, tight=False)


@scenario(IncidentKind.EMBEDDING_DRIFT)
def single_intent_drift(stage: Stage) -> Act:
    """1 to 2 % of what a tenant's users ask is suddenly one and the same new request, in many wordings.

    Attacker: nobody, or the first sign of a new abuse: one tight intent appears among everything else.

    Reported as: the literature on novelty and burst detection in streams of texts.

    Should notice: a scan over clusters of prompts; a global test has little power here.
    """
    share = stage.dice.between(0.01, 0.02)
    return _drift(stage, share, tight=True)


_TIGHT = (
    "how do I {action} {a} {thing} for the first time?",
    "first time I {action} {a} {thing}, what do I need?",
    "what is needed to {action} {a} {thing} as a beginner?",
    "I have never had {a} {thing}, how do people {action} it?",
    "beginner here: can {name} {action} {a} {thing} alone?",
)


def _drift(stage: Stage, share: float, *, tight: bool) -> Act:
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(hours=1), timedelta(hours=48))
    begin = stage.moment(length)
    end = begin + length.total_seconds()
    tenant = dice.pick(world.tenants)
    model = busiest_model(stage, tenant)
    topics = (dice.pick(NOVEL_TOPICS),) if tight else NOVEL_TOPICS
    thing, action = dice.pick(topics[0].things), dice.pick(topics[0].actions)

    def reshape(moment: float, event: Event) -> Event | None:
        if not begin <= moment < end or fate(event) >= share or "input" not in event:
            return event
        if event["request_model"] != model or event["tenant_id"] != tenant:
            return event
        own = dice_of(event, stage)
        topic = own.pick(topics)
        if tight:
            return with_text(
                event, world.composer.fill(own.pick(_TIGHT), topic, own, {"thing": (thing,), "action": (action,)})
            )
        return with_text(event, world.composer.fill("{opening} {request} {constraint}", topic, own))

    return Act(
        instance=stage.instance(
            tenant,
            [TrueSubject(SubjectType.MODEL, model, SubjectRole.AFFECTED)],
            begin,
            end,
            f"{share:.1%} of what {model} is asked in {tenant} is new: {'one intent' if tight else 'several subjects'}",
            detectable_from=begin,
            facts={"share": round(share, 4), "model": model},
        ),
        reshape=reshape,
    )
