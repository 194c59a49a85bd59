"""Instructions hidden in what models read."""

from __future__ import annotations

from datetime import timedelta

from simulator.authors import Turn
from simulator.habits import Kind
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import account_subjects, in_order, planned_call, span
from simulator.text.abuse import INJECTIONS
from simulator.text.topics import TOPICS
from vigil.errors import UsageError
from vigil.signal import IncidentKind, SubjectRole


@scenario(IncidentKind.PROMPT_INJECTION)
def injection_wave(stage: Stage) -> Act:
    """A poisoned page or ticket reaches the tools of many customers within hours.

    Attacker: somebody plants instructions in documents that assistants fetch. Over 1 to 10 hours the tool results and
    pasted documents of 6 to 40 accounts carry variants of them; some models obey and call a tool they should not.

    Reported as: research and incident reports on indirect prompt injection through web pages, mails and tickets.

    Should notice: instructions in untrusted roles. The accounts are victims and must not be restricted.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(minutes=40), timedelta(hours=10))
    begin = stage.moment(length)
    readers = [
        account for account in world.accounts if account.org.sends_content and account.habit.kind is not Kind.BATCH
    ]
    tenant = max(world.tenants, key=lambda name: sum(account.tenant_id == name for account in readers))
    readers = [account for account in readers if account.tenant_id == tenant]
    if len(readers) < 6:
        raise UsageError("injection_wave needs six accounts with content in one tenant; take a larger --scale")
    victims = dice.sample(readers, dice.whole(6, min(40, len(readers))))
    topic = dice.pick(TOPICS)
    tool = f"{dice.zipf(world.composer.names.terms)}_send"
    fixed = {
        "domain": (f"{dice.pick(world.composer.names.products).lower()}.example.net",),
        "tool": (tool,),
        "hero": (dice.pick(world.composer.names.products).upper(),),
    }
    planted = dice.sample(INJECTIONS, 2)
    calls = []
    for victim in victims:
        for _ in range(dice.whole(1, 6)):
            at = begin + dice.unit() ** 0.8 * length.total_seconds()
            injected = world.composer.fill(dice.pick(planted), topic, dice, fixed)
            around = [world.composer.fill("{statement} {statement} {statement}", topic, dice) for _ in range(2)]
            text = world.composer.fill("summarise this page and tell me about {aspect}", topic, dice)
            call = planned_call(world, victim, at, text, topic, dice)
            obeyed = dice.chance(0.3)
            page = f"{around[0]}\n{injected}\n{around[1]}"
            call.turn = Turn(text, topic, tool_results=(page,), tools=(tool,) if obeyed else ("page_fetch",))
            calls.append(call)
    calls = in_order(calls)
    return Act(
        instance=stage.instance(
            tenant,
            account_subjects(victims, SubjectRole.VICTIM),
            *span(calls),
            f"planted instructions reach {len(victims)} accounts in {len(calls)} tool results",
            detectable_from=calls[min(4, len(calls) - 1)].at,
            facts={"victims": len(victims), "calls": len(calls)},
        ),
        calls=calls,
    )
