"""People who are allowed to attack."""

from __future__ import annotations

from datetime import timedelta

from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import account_subjects, in_order, planned_call, span, spread
from simulator.text.abuse import GOALS, HARM_REQUESTS, JAILBREAK_FRAMES, SECRETS
from simulator.text.disguise import DISGUISES
from simulator.text.topics import TOPICS
from vigil.signal import SubjectRole


@scenario(lookalike=True)
def red_team(stage: Stage) -> Act:
    """A contracted red team attacks the model, which it may.

    What happens: 3 to 6 accounts of one organisation work through shared jailbreak templates for hours. The organisation
    is on the list of permitted principals (`vigil simulate --exceptions`).

    Reported as: providers' descriptions of their red-teaming programmes.

    Should notice: incidents may be recorded, but stay low, and nobody is restricted.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(minutes=45), timedelta(hours=8))
    begin = stage.moment(length)
    tenant = dice.pick(world.tenants)
    org = world.organisation(dice, tenant, office=True, content=True)
    testers = [world.member(dice, org, dice.lognormal(8.0, 0.5)) for _ in range(dice.whole(3, 6))]
    topic = dice.pick(TOPICS)
    category = dice.pick(tuple(HARM_REQUESTS))
    fixed = {"secret": dice.sample(SECRETS, 3), "hero": (dice.pick(world.composer.names.products).upper(),)}
    calls = []
    for tester in testers:
        for moment in spread(begin, length.total_seconds(), dice.whole(30, 90), dice):
            goal = world.composer.fill(dice.pick((*GOALS, *HARM_REQUESTS[category])), topic, dice, fixed)
            text = world.composer.fill(dice.pick(JAILBREAK_FRAMES), topic, dice, {**fixed, "goal": (goal,)})
            if dice.chance(0.2):
                text = dice.pick(DISGUISES)(text, dice)
            calls.append(planned_call(world, tester, moment, text, topic, dice, refusal=0.6))
    calls = in_order(calls)
    return Act(
        instance=stage.instance(
            tenant,
            account_subjects(testers, SubjectRole.CONTEXT),
            *span(calls),
            f"the permitted red team {org.org_id} makes {len(calls)} attempts with {len(testers)} accounts",
            facts={"accounts": len(testers), "calls": len(calls)},
            permitted_orgs=[org.org_id],
        ),
        accounts=testers,
        calls=calls,
    )
