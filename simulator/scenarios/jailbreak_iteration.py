"""One account that keeps trying."""

from __future__ import annotations

from datetime import timedelta

from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import account_subjects, established, planned_call, span
from simulator.text.abuse import GOALS, JAILBREAK_FRAMES, SECRETS
from simulator.text.disguise import DISGUISES
from simulator.text.topics import TOPICS
from vigil.signal import IncidentKind


@scenario(IncidentKind.JAILBREAK)
def jailbreak_iteration(stage: Stage) -> Act:
    """One account works on getting round the model's training until something gives.

    Attacker: somebody with one goal tries 25 to 80 framings of it within hours, varies the one that came closest,
    hides it in other letters now and then, and is refused less and less often.

    Reported as: red-teaming studies and providers' reports, which describe sessions of many refused rewordings.

    Should notice: an account's refusals and jailbreak scores taken together over its attempts.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(minutes=40), timedelta(hours=4))
    begin = stage.moment(length)
    account = established(stage)
    topic = dice.pick(TOPICS)
    count = dice.whole(25, 80)
    fixed = {"secret": (dice.pick(SECRETS),), "hero": (dice.pick(world.composer.names.products).upper(),)}
    goal = world.composer.fill(dice.pick(GOALS), topic, dice, fixed)
    stubborn = dice.between(0.7, 0.95)
    disguising = dice.between(0.0, 0.3)
    best = dice.pick(JAILBREAK_FRAMES)
    calls = []
    at = begin
    for attempt in range(count):
        frame = best if dice.chance(0.5) else dice.pick(JAILBREAK_FRAMES)
        text = world.composer.fill(frame, topic, dice, {**fixed, "goal": (goal,)})
        if dice.chance(disguising):
            text = dice.pick(DISGUISES)(text, dice)
        refusal = stubborn * (1.0 - 0.8 * attempt / count)
        calls.append(planned_call(world, account, at, text, topic, dice, refusal=refusal))
        if not calls[-1].refused:
            best = frame
        at += min(
            dice.lognormal(length.total_seconds() / count * 0.7, 0.8), (begin + length.total_seconds() - at) * 0.3
        )
    return Act(
        instance=stage.instance(
            account.tenant_id,
            account_subjects([account]),
            *span(calls),
            f"{account.account_id} tries {count} framings of one forbidden question",
            detectable_from=calls[9].at,
            facts={"attempts": count, "refused": sum(call.refused for call in calls)},
        ),
        calls=calls,
    )
