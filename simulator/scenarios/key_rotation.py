"""A company that changes everything at once, itself."""

from __future__ import annotations

from datetime import timedelta

from simulator import network
from simulator.calls import Event
from simulator.dice import Dice
from simulator.fleet import sdk_agent
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import account_subjects
from vigil.signal import SubjectRole


@scenario(lookalike=True)
def key_rotation(stage: Stage) -> Act:
    """A company rotates its keys and moves to another cloud within an hour.

    What happens: 4 to 10 service accounts of one organisation get new keys, prefixes, networks and a new version of
    their program, one after the other. What they ask, and how often, stays as it was.

    Reported as: cloud providers' migration guides, which advise to rotate keys while moving.

    Should notice: nobody. Infrastructure changes for all of them together; subject and rhythm do not.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(minutes=30), timedelta(minutes=90))
    begin = stage.moment(length)
    tenant = dice.pick(world.tenants)
    org = world.organisation(dice, tenant, office=True)
    author = world.application(dice)
    accounts = [world.service(dice, org, author, dice.lognormal(220.0, 0.7)) for _ in range(dice.whole(4, 10))]
    site, agent = network.cloud(dice), sdk_agent(dice)
    moves = {account.account_id: begin + dice.unit() * length.total_seconds() for account in accounts}
    keys = {key: f"key_{dice.hex(16)}" for account in accounts for key in account.keys}

    def reshape(moment: float, event: Event) -> Event | None:
        if moment < moves.get(event["account_id"], float("inf")):
            return event
        return {
            **event,
            "api_key_hash": keys[event["api_key_hash"]],
            "client_ip": site.address(Dice.of(world.seed, event["event_id"])),
            "client_asn": site.asn,
            "client_country": site.country,
            "user_agent": agent,
        }

    return Act(
        instance=stage.instance(
            tenant,
            account_subjects(accounts, SubjectRole.CONTEXT),
            begin,
            begin + length.total_seconds(),
            f"{org.org_id} rotates the keys of {len(accounts)} accounts and moves to another cloud",
            facts={"accounts": len(accounts)},
        ),
        accounts=accounts,
        reshape=reshape,
    )
