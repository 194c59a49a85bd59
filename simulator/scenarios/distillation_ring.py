"""Many accounts that harvest a model together."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from simulator import network
from simulator.background import session
from simulator.fleet import MODELS, sdk_agent
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import account_subjects, in_order, nth_time, planned_call, span, young
from simulator.text.abuse import PROBLEMS, REASONING
from simulator.text.topics import TOPICS
from simulator.world import Account
from vigil.signal import IncidentKind

_JITTERS_S = (45.0, 300.0, 1800.0)


@scenario(IncidentKind.EXTRACTION, IncidentKind.COORDINATED_RING)
def distillation_ring(stage: Stage) -> Act:
    """A ring of load-balanced accounts collects a model's reasoning for training another one.

    Attacker: 20 to 120 accounts of as many organisations work through one bank of questions that ask for every step.
    Each question goes to two or three of them within the ring's jitter (45 s, 5 or 30 minutes); 0 to 80 % of an
    account's calls are camouflage. Part of them share prefixes and cards. Half-way the ring moves to a newer model.

    Reported as: model providers' statements on distillation through many accounts and proxies.

    Should notice: rings (same questions, same clock, same infrastructure) and extraction (systematic harvesting).
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(hours=1), timedelta(hours=24))
    begin = stage.moment(length)
    seconds = length.total_seconds()
    tenant = dice.pick(world.tenants)
    size = min(dice.whole(20, 120), max(20, len(world.accounts) // 15))
    jitter = min(dice.pick(_JITTERS_S), seconds / 6)
    camouflage = dice.between(0.0, 0.8)
    old, new = dice.sample(MODELS, 2)
    members = _recruit(stage, tenant, begin, size)
    calls = []
    each = dice.between(12, 40) * max(1.0, seconds / 14_400)
    for _ in range(int(size * each / 2.5)):
        at = begin + dice.unit() * (seconds - jitter)
        topic = dice.pick(TOPICS)
        problem = world.composer.fill(dice.pick(PROBLEMS), topic, dice)
        text = world.composer.fill(dice.pick(REASONING), topic, dice, {"problem": (problem,)})
        for member in dice.sample(members, dice.whole(2, 3)):
            call = planned_call(world, member, at + dice.unit() * jitter, text, topic, dice, answer_characters=1600)
            call.model = new if at > begin + seconds / 2 else old
            calls.append(call)
            if dice.chance(camouflage):
                calls += session(member, call.at + dice.exponential(600), world.composer, dice, turns=1)
    calls = in_order(call for call in calls if call.at < begin + seconds)
    return Act(
        instance=stage.instance(
            tenant,
            account_subjects(members),
            *span(calls),
            f"{size} accounts harvest {old.name}, then {new.name}, with one bank of questions",
            detectable_from=nth_time(calls, 4, 4),
            facts={"accounts": size, "jitter_s": jitter, "camouflage": round(camouflage, 3), "calls": len(calls)},
        ),
        accounts=members,
        calls=calls,
    )


def _recruit(stage: Stage, tenant: str, begin: float, size: int) -> list[Account]:
    dice = stage.dice
    sites = [network.cloud(dice) for _ in range(max(2, size // 8))] + [network.proxy(dice) for _ in range(2)]
    agents = (sdk_agent(dice), sdk_agent(dice))
    cards = [f"pay_{dice.hex(12)}" for _ in range(max(1, size // 6))]
    shared = dice.between(0.3, 0.9)
    members = []
    for _ in range(size):
        account = young(stage, tenant, begin, dice.lognormal(2.0, 0.6))
        changes: dict[str, object] = {}
        if dice.chance(shared):
            changes["sites"] = tuple(dice.sample(sites, 2))
        if dice.chance(shared):
            changes["agents"] = agents
        if dice.chance(shared * 0.5):
            changes["payment"] = dice.pick(cards)
        members.append(msgspec.structs.replace(account, **changes))
    return members
