"""Strangers behind one address."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from simulator import network
from simulator.background import session
from simulator.calls import Call
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import account_subjects, in_order, span
from vigil.signal import SubjectRole


@scenario(lookalike=True)
def shared_address(stage: Stage) -> Act:
    """A conference, an office tower or a carrier puts a hundred strangers behind one address.

    What happens: 40 to 150 accounts of different organisations, with subjects and programs of their own, are active from
    one prefix within some hours, most of them more than usual.

    Reported as: network engineering literature on carrier-grade NAT and its effect on abuse handling.

    Should notice: nobody. One prefix in common and nothing else.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(minutes=50), timedelta(hours=9))
    begin = stage.moment(length)
    tenant = max(world.tenants, key=lambda name: sum(account.tenant_id == name for account in world.accounts))
    people = [account for account in (*world.people(), *world.people(content=False)) if account.tenant_id == tenant]
    guests = dice.sample(people, dice.whole(40, 150))
    site = msgspec.structs.replace(network.office(dice, "DE"), hosts=1)
    calls: list[Call] = []
    for guest in guests:
        here = msgspec.structs.replace(guest, sites=(site,))
        for _ in range(dice.whole(1, 3)):
            at = begin + dice.unit() * length.total_seconds() * 0.95
            calls += session(here, at, world.composer, dice)
    until = begin + length.total_seconds()
    calls = in_order(call for call in calls if call.at < until)
    return Act(
        instance=stage.instance(
            tenant,
            account_subjects(guests, SubjectRole.CONTEXT),
            *span(calls),
            f"{len(guests)} strangers call from one address",
            facts={"accounts": len(guests), "calls": len(calls)},
        ),
        calls=calls,
    )
