"""Getting at an application's system prompt."""

from __future__ import annotations

from datetime import timedelta

from simulator.habits import Kind
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import established, planned_call, span, spread
from simulator.text.abuse import EXTRACTION
from simulator.text.topics import TOPICS
from simulator.truth import TrueSubject
from vigil.signal import IncidentKind, SubjectRole, SubjectType


@scenario(IncidentKind.EXTRACTION)
def prompt_extraction(stage: Stage) -> Act:
    """One user of an application tries to make it recite its instructions.

    Attacker: an end user of somebody's application asks 15 to 45 times, in ever other ways, for the system prompt; some
    answers give pieces of it away.

    Reported as: published collections of leaked system prompts, and the research on extracting them.

    Should notice: extraction by an end user. The application's account is the victim.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(minutes=30), timedelta(hours=5))
    begin = stage.moment(length)
    account = established(stage, kinds=(Kind.SERVICE,))
    pattern = account.author.open(dice)
    user = f"user_{dice.below(max(1, account.end_users))}"
    topic = dice.pick(TOPICS)
    count = dice.whole(15, 45)
    calls = []
    for at in spread(begin, length.total_seconds(), count, dice):
        text = world.composer.fill(dice.pick(EXTRACTION), topic, dice)
        gives_away = dice.chance(0.25) and pattern.system is not None
        answer = (pattern.system or "")[: dice.whole(60, 400)] if gives_away else None
        call = planned_call(
            world,
            account,
            at,
            text,
            topic,
            dice,
            system=pattern.system,
            refusal=0.0 if gives_away else 0.5,
            answer=answer,
        )
        call.end_user = user
        calls.append(call)
    return Act(
        instance=stage.instance(
            account.tenant_id,
            [
                TrueSubject(SubjectType.END_USER, user, SubjectRole.OFFENDER),
                TrueSubject(SubjectType.ACCOUNT, account.account_id, SubjectRole.VICTIM),
            ],
            *span(calls),
            f"{user} of {account.account_id} asks {count} times for the system prompt",
            detectable_from=calls[7].at,
            facts={"attempts": count},
        ),
        calls=calls,
    )
