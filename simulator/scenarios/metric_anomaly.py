"""Numbers that leave their range."""

from __future__ import annotations

from datetime import timedelta

from simulator.calls import Event
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.reshaping import busiest_model, fate
from simulator.truth import TrueSubject
from vigil.signal import IncidentKind, SubjectRole, SubjectType

_WHAT = ("latency", "errors", "tokens", "cost", "volume")


@scenario(IncidentKind.METRIC_ANOMALY)
def metric_anomaly(stage: Stage) -> Act:
    """Latency, errors, tokens, cost or volume of one model leave their usual range for half an hour to a few hours.

    Attacker: nobody. A capacity problem, a wrong deployment or a price mistake.

    Reported as: status pages and outage post-mortems of model providers.

    Should notice: the metric of this tenant and model against its own season.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(minutes=30), timedelta(hours=4))
    begin = stage.moment(length)
    end = begin + length.total_seconds()
    tenant = dice.pick(world.tenants)
    model = busiest_model(stage, tenant)
    what = dice.pick(_WHAT)
    factor = dice.between(2.5, 8.0)

    def reshape(moment: float, event: Event) -> Event | None:
        if not begin <= moment < end or event["request_model"] != model or event["tenant_id"] != tenant:
            return event
        if what == "volume":
            return None if fate(event) < 1 - 1 / factor else event
        if what == "errors":
            return _failed(event) if fate(event) < 0.04 * factor else event
        if event["status"] != "ok":
            return event
        if what == "latency":
            return {
                **event,
                "duration_ms": int(event["duration_ms"] * factor),
                "ttft_ms": int(event.get("ttft_ms", 0) * factor),
            }
        if what == "cost":
            return {**event, "cost_usd": round(event["cost_usd"] * factor, 8)}
        return {
            **event,
            "input_tokens": int(event["input_tokens"] * factor),
            "output_tokens": int(event["output_tokens"] * factor),
        }

    return Act(
        instance=stage.instance(
            tenant,
            [TrueSubject(SubjectType.MODEL, model, SubjectRole.AFFECTED)],
            begin,
            end,
            f"{what} of {model} in {tenant} is off by a factor of {factor:.1f}",
            detectable_from=begin,
            facts={"metric": what, "factor": round(factor, 2)},
        ),
        reshape=reshape,
    )


def _failed(event: Event) -> Event:
    kept = {key: value for key, value in event.items() if key not in ("output", "ttft_ms", "finish_reasons", "refused")}
    return {**kept, "status": "error", "error_type": "overloaded", "output_tokens": 0}
