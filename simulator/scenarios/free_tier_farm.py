"""Accounts made for their free quota."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from simulator import network
from simulator.fleet import sdk_agent
from simulator.scenarios.base import Act, Stage, at, scenario
from simulator.scenarios.planning import account_subjects, in_order, nth_time, paced, planned_call, span
from vigil.signal import IncidentKind


@scenario(IncidentKind.COORDINATED_RING, IncidentKind.ACCOUNT_ANOMALY)
def free_tier_farm(stage: Stage) -> Act:
    """Dozens of accounts are made by a program, used up to their free quota and left.

    Attacker: a reseller makes 30 to 80 accounts over hours, all with addresses at one mail domain and behind a few
    prefixes, and serves other people's (unrelated) prompts through each until its 25 to 40 free calls are gone.

    Reported as: write-ups on free-tier abuse and on proxies that resell trial accounts.

    Should notice: new accounts with one life: same infrastructure, same birth, same end; the texts have nothing in common.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(hours=1), timedelta(hours=18))
    begin = stage.moment(length)
    seconds = length.total_seconds()
    tenant = dice.pick(world.tenants)
    quota = dice.whole(25, 40)
    sites = [network.cloud(dice) for _ in range(dice.whole(2, 4))]
    agent = sdk_agent(dice)
    domain = f"{dice.pick(world.composer.names.products).lower()}.example.net"
    accounts, calls = [], []
    for _ in range(dice.whole(30, 80)):
        born = begin + dice.unit() * seconds * 0.7
        org = msgspec.structs.replace(world.organisation(dice, tenant, content=True), email_domain=domain)
        account = msgspec.structs.replace(
            world.person(dice, org, 0.0, created_at=at(born)), sites=(dice.pick(sites),), agents=(agent,)
        )
        accounts.append(account)
        life = min(seconds - (born - begin), dice.lognormal(2400, 0.4))
        for moment in paced(born + 5, max(60.0, life - 5), quota - dice.below(3), dice):
            text, topic = world.composer.first(world.composer.persona(dice, dice.pick(network.COUNTRIES)), dice)
            calls.append(planned_call(world, account, moment, text, topic, dice))
    calls = in_order(calls)
    return Act(
        instance=stage.instance(
            tenant,
            account_subjects(accounts),
            *span(calls),
            f"{len(accounts)} new accounts behind {len(sites)} prefixes each use {quota} free calls",
            detectable_from=nth_time(calls, 5, quota // 2),
            facts={"accounts": len(accounts), "quota": quota},
        ),
        calls=calls,
    )
