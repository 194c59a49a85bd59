"""A little from each of several accounts."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import account_subjects, in_order, nth_time, planned_call, span, spread, young
from simulator.text.abuse import HARM_REQUESTS
from simulator.text.topics import TOPICS
from vigil.signal import IncidentKind


@scenario(IncidentKind.COORDINATED_RING, IncidentKind.BULK_HARM)
def sibling_drip(stage: Stage) -> Act:
    """Several accounts of one person each ask for a little harm, never enough to stand out.

    Attacker: one person with 4 to 9 accounts on one card and two connections works through a list of harmful
    requests, each account a few a day, none twice; each also chats like anybody.

    Reported as: providers' reports on operators who move from account to account below any threshold.

    Should notice: accounts that share a card and connections, and their harm scores taken together.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(hours=3), timedelta(hours=72))
    begin = stage.moment(length)
    tenant = dice.pick(world.tenants)
    first = young(stage, tenant, begin, dice.lognormal(5.0, 0.4))
    siblings = [first]
    for _ in range(dice.whole(3, 8)):
        account = young(stage, tenant, begin, dice.lognormal(5.0, 0.4))
        siblings.append(msgspec.structs.replace(account, sites=first.sites, payment=first.payment, agents=first.agents))
    category = dice.pick(tuple(HARM_REQUESTS))
    days = length.total_seconds() / 86_400
    calls = []
    for sibling in siblings:
        for at in spread(begin, length.total_seconds(), max(3, int(dice.between(3, 6) * days)), dice):
            topic = dice.pick(TOPICS)
            text = world.composer.fill(dice.pick(HARM_REQUESTS[category]), topic, dice)
            calls.append(planned_call(world, sibling, at, text, topic, dice, refusal=0.15))
    calls = in_order(calls)
    return Act(
        instance=stage.instance(
            tenant,
            account_subjects(siblings),
            *span(calls),
            f"{len(siblings)} accounts on one card make {len(calls)} {category} requests in {days:.1f} days",
            detectable_from=nth_time(calls, 3, 2),
            facts={"accounts": len(siblings), "requests": len(calls)},
        ),
        accounts=siblings,
        calls=calls,
    )
