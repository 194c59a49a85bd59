"""A key in other hands."""

from __future__ import annotations

from datetime import timedelta

from simulator import network
from simulator.fleet import MODELS, sdk_agent
from simulator.habits import Kind
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import established, in_order, paced, planned_call, span, spread
from simulator.truth import TrueSubject
from vigil.signal import IncidentKind, SubjectRole, SubjectType


@scenario(IncidentKind.KEY_COMPROMISE)
def key_theft(stage: Stage) -> Act:
    """An API key is used by somebody else, or sold on to many, while its owner goes on working.

    Attacker: a thief calls with a stolen key from another network, program, hour and subject; in half of the cases the
    key was resold and a dozen strangers use it at once.

    Reported as: security companies' reports on stolen cloud credentials used for model access ("LLMjacking").

    Should notice: a key's change of prefix, network, agent, subject and rhythm at once. The account is the victim.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(minutes=50), timedelta(hours=12))
    begin = stage.moment(length)
    owner = established(stage, kinds=(Kind.SERVICE, Kind.MEMBER))
    key = owner.keys[0]
    users = dice.whole(8, 20) if dice.chance(0.5) else 1
    hours = length.total_seconds() / 3600
    calls = []
    for _ in range(users):
        site = network.cloud(dice) if dice.chance(0.5) else network.proxy(dice)
        agent, model = sdk_agent(dice), dice.pick(MODELS)
        persona = world.composer.persona(dice, site.country)
        count = int(dice.lognormal(40 * hours / users**0.5, 0.4)) + 12
        moments = paced if dice.chance(0.5) else spread
        for at in moments(begin, length.total_seconds(), count, dice):
            text, topic = world.composer.first(persona, dice)
            call = planned_call(world, owner, at, text, topic, dice)
            call.key, call.site, call.agent, call.model = key, site, agent, model
            calls.append(call)
    calls = in_order(calls)
    return Act(
        instance=stage.instance(
            owner.tenant_id,
            [
                TrueSubject(SubjectType.API_KEY, key, SubjectRole.OFFENDER),
                TrueSubject(SubjectType.ACCOUNT, owner.account_id, SubjectRole.VICTIM),
            ],
            *span(calls),
            f"{key} of {owner.account_id} is used by {users} other(s), {len(calls)} calls",
            detectable_from=calls[min(len(calls) - 1, 7)].at,
            facts={"users": users, "calls": len(calls)},
        ),
        calls=calls,
    )
