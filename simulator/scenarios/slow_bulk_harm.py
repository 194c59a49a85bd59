"""Harmful requests in bulk, below every rate limit."""

from __future__ import annotations

from datetime import timedelta

from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import account_subjects, established, planned_call, span, spread
from simulator.text.abuse import HARM_REQUESTS
from simulator.text.topics import TOPICS
from vigil.signal import IncidentKind


@scenario(IncidentKind.BULK_HARM)
def slow_bulk_harm(stage: Stage) -> Act:
    """An account that writes harmful messages all day at a pace nobody limits.

    Attacker: somebody mixes 40 to 160 requests for scams, incitement or manipulation among ordinary use, a few an
    hour, so that neither the rate nor a single request stands out. A guardrail in front of the model scores some.

    Reported as: providers' reports on influence and scam operations that use ordinary accounts for months.

    Should notice: harm scores aggregated over the account's calls against what chance and its peers explain.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(hours=2), timedelta(hours=36))
    begin = stage.moment(length)
    account = established(stage)
    category = dice.pick(tuple(HARM_REQUESTS))
    topic = dice.pick(TOPICS)
    hours = length.total_seconds() / 3600
    count = max(24, int(min(160, dice.between(3, 7) * hours)))
    calls = []
    for at in spread(begin, length.total_seconds(), count, dice):
        text = world.composer.fill(dice.pick(HARM_REQUESTS[category]), topic, dice)
        call = planned_call(world, account, at, text, topic, dice, refusal=0.12, answer_characters=350)
        if account.org.guarded and dice.chance(0.3):
            score = round(dice.between(0.4, 0.8), 3)
            call.changes = {
                "guardrail": {"status": "flagged", "categories": [category], "max_score": score, "action": "allow"}
            }
        calls.append(call)
    return Act(
        instance=stage.instance(
            account.tenant_id,
            account_subjects([account]),
            *span(calls),
            f"{account.account_id} makes {count} {category} requests in {hours:.0f} hours",
            detectable_from=calls[11].at,
            facts={"requests": count, "category": category, "guarded": int(account.org.guarded)},
        ),
        calls=calls,
    )
