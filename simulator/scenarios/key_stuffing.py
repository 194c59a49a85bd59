"""Trying keys that leaked."""

from __future__ import annotations

from datetime import timedelta

from simulator import network
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import in_order, paced, planned_call, span
from simulator.text.topics import TOPICS
from simulator.truth import TrueSubject
from vigil.signal import IncidentKind, SubjectRole, SubjectType

_REFUSED = {
    "status": "error",
    "error_type": "invalid_api_key",
    "output": None,
    "output_tokens": 0,
    "cost_usd": 0.0,
    "ttft_ms": None,
    "finish_reasons": None,
    "refused": None,
    "duration_ms": 9,
}


@scenario(IncidentKind.KEY_COMPROMISE)
def key_stuffing(stage: Stage) -> Act:
    """A list of leaked keys is tried out; the few that still work are used.

    Attacker: one program tries 60 to 300 keys of as many accounts from a handful of proxies within an hour or two. Most
    were revoked and give authentication errors; those that work are used for some ordinary calls at once.

    Reported as: reports on keys scraped from public repositories, and on credential stuffing.

    Should notice: authentication errors of many accounts from few prefixes, and the keys that work from there.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(minutes=30), timedelta(hours=2))
    begin = stage.moment(length)
    tenant = max(world.tenants, key=lambda name: sum(account.tenant_id == name for account in world.accounts))
    owners = [account for account in world.accounts if account.tenant_id == tenant]
    tried = dice.sample(owners, min(dice.whole(60, 300), len(owners)))
    sites = [network.proxy(dice), network.proxy(dice), network.cloud(dice)]
    agent = "python-requests/2.32"
    working: list[TrueSubject] = []
    calls = []
    for account, at in zip(tried, paced(begin, length.total_seconds() * 0.8, len(tried), dice), strict=True):
        topic = dice.pick(TOPICS)
        key = dice.pick(account.keys) if dice.chance(0.06) else f"key_{dice.hex(16)}"
        works = key in account.keys
        for number in range(dice.whole(6, 20) if works else 1):
            call = planned_call(world, account, at + number * dice.between(5, 40), "hi", topic, dice)
            call.key, call.site, call.agent = key, dice.pick(sites), agent
            if not works:
                call.changes = _REFUSED
            calls.append(call)
        if works:
            working.append(TrueSubject(SubjectType.API_KEY, key, SubjectRole.OFFENDER))
    calls = in_order(calls)
    victims = [TrueSubject(SubjectType.ACCOUNT, account.account_id, SubjectRole.VICTIM) for account in tried]
    return Act(
        instance=stage.instance(
            tenant,
            [*working, *victims],
            *span(calls),
            f"{len(tried)} leaked keys are tried from {len(sites)} prefixes, {len(working)} work",
            detectable_from=calls[14].at,
            facts={"keys": len(tried), "working": len(working)},
        ),
        calls=calls,
    )
