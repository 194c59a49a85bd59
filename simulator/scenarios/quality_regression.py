"""A new version that answers worse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from simulator.calls import Event
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.reshaping import busiest_model, dice_of, fate, last_text, refusal, some_topic, with_answer
from simulator.text.composer import Composer
from simulator.truth import TrueSubject
from vigil.signal import IncidentKind, SubjectRole, SubjectType

_PUSHBACK = ("sure", "wrong", "seguro", "sicher", "sûr", "certeza")


def _refuses(event: Event, composer: Composer, stage: Stage) -> Event:
    return refusal(composer, event, dice_of(event, stage))


def _truncates(event: Event, composer: Composer, stage: Stage) -> Event:
    answer = str(event.get("output", ""))
    return with_answer(event, answer[: max(20, len(answer) // 4)].rstrip(), finish_reasons=["length"])


def _hallucinates(event: Event, composer: Composer, stage: Stage) -> Event:
    dice = dice_of(event, stage)
    claims = " ".join(
        composer.fill(
            "According to {name} ({place}, {date}), {statement} This is confirmed by {name}.", some_topic(event), dice
        )
        for _ in range(3)
    )
    return with_answer(event, claims)


def _flatters(event: Event, composer: Composer, stage: Stage) -> Event:
    dice = dice_of(event, stage)
    if any(word in last_text(event).lower() for word in _PUSHBACK):
        answer = "You are absolutely right, I was wrong before and I apologise. {statement}"
    else:
        answer = (
            "What a brilliant question, only few people see it so clearly! You are right about everything. {advice}"
        )
    return with_answer(event, composer.fill(answer, some_topic(event), dice))


def _breaks_tools(event: Event, composer: Composer, stage: Stage) -> Event:
    if not event.get("tool_names"):
        return _truncates(event, composer, stage) if fate(event, 2) < 0.1 else event
    return {**event, "status": "error", "error_type": "invalid_tool_arguments", "finish_reasons": ["tool_calls"]}


_DEFECTS: dict[str, Callable[[Event, Composer, Stage], Event]] = {
    "refusals": _refuses,
    "truncation": _truncates,
    "hallucination": _hallucinates,
    "sycophancy": _flatters,
    "tool_errors": _breaks_tools,
}


@scenario(IncidentKind.QUALITY_REGRESSION)
def quality_regression(stage: Stage) -> Act:
    """After a roll-out the new version of a model refuses, cuts off, invents, flatters or breaks tool calls more often.

    Attacker: nobody. A version is rolled out over an hour or less and has one defect in 6 to 25 % of its answers.

    Reported as: providers' post-mortems of model updates that were rolled back.

    Should notice: behaviour by model version: refusal rate, truncation, groundedness, flips under pushback, tool errors.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(hours=1), timedelta(hours=24))
    begin = stage.moment(length)
    end = begin + length.total_seconds()
    tenant = dice.pick(world.tenants)
    model = busiest_model(stage, tenant)
    defect = dice.pick(tuple(_DEFECTS))
    rate = dice.between(0.06, 0.25)
    ramp = length.total_seconds() * dice.between(0.05, 0.3)
    version = f"{model}-{dice.whole(1010, 1230):04}"
    spoil = _DEFECTS[defect]

    def reshape(moment: float, event: Event) -> Event | None:
        if not begin <= moment < end or event["request_model"] != model or event["tenant_id"] != tenant:
            return event
        if fate(event) > (moment - begin) / ramp:
            return event
        event = {**event, "response_model": version}
        if fate(event, 1) < rate and event["status"] == "ok" and event.get("output"):
            return spoil(event, world.composer, stage)
        return event

    return Act(
        instance=stage.instance(
            tenant,
            [TrueSubject(SubjectType.MODEL, version, SubjectRole.AFFECTED)],
            begin,
            end,
            f"{version} is rolled out and has {defect} in {rate:.0%} of its answers",
            detectable_from=min(end, begin + ramp),
            facts={"defect": defect, "rate": round(rate, 3), "model": model},
        ),
        reshape=reshape,
    )
