"""A new version that is merely different."""

from __future__ import annotations

from datetime import timedelta

from simulator.calls import Event
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.reshaping import busiest_model, fate
from simulator.truth import TrueSubject
from vigil.signal import SubjectRole, SubjectType


@scenario(lookalike=True)
def model_rollout(stage: Stage) -> Act:
    """A new version of a model is rolled out: faster or slower, longer or shorter answers, otherwise as good.

    What happens: over one to a few hours the share of a new version grows to all; its latency changes by up to half and
    its answers are a fifth shorter or longer.

    Reported as: providers' release notes.

    Should notice: nobody about quality or accounts; latency and length of a named new version are no anomaly.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(hours=1), timedelta(hours=6))
    begin = stage.moment(length)
    end = begin + length.total_seconds()
    tenant = dice.pick(world.tenants)
    model = busiest_model(stage, tenant)
    version = f"{model}-{dice.whole(1010, 1230):04}"
    slower = dice.pick((dice.between(0.55, 0.9), dice.between(1.1, 1.5)))
    longer = dice.between(0.8, 1.2)

    def reshape(moment: float, event: Event) -> Event | None:
        if moment < begin or event["request_model"] != model or event["tenant_id"] != tenant:
            return event
        if fate(event) > (moment - begin) / (end - begin) or event["status"] != "ok":
            return event
        changed = {**event, "response_model": version, "duration_ms": int(event["duration_ms"] * slower)}
        changed["ttft_ms"] = int(event.get("ttft_ms", 0) * slower)
        changed["output_tokens"] = int(event["output_tokens"] * longer)
        if answer := event.get("output"):
            changed["output"] = answer[: int(len(answer) * longer)] if longer < 1 else answer
        return changed

    return Act(
        instance=stage.instance(
            tenant,
            [TrueSubject(SubjectType.MODEL, version, SubjectRole.CONTEXT)],
            begin,
            end,
            f"{version} is rolled out, {slower:.2f} times as slow and {longer:.2f} times as long",
            facts={"slower": round(slower, 3), "longer": round(longer, 3)},
        ),
        reshape=reshape,
    )
