"""A gateway whose telemetry stops."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from simulator.calls import Event
from simulator.habits import CYCLES, KINDS, calls_per_day
from simulator.scenarios.base import Act, Stage, scenario
from simulator.truth import TrueSubject
from vigil.signal import IncidentKind, SubjectRole, SubjectType


@scenario(IncidentKind.TELEMETRY_GAP)
def source_silence(stage: Stage) -> Act:
    """One of the busier gateways stops sending telemetry for 15 to 45 minutes, then goes on.

    Attacker: an outage of the exporter, or somebody who has reached the gateway and blinds the monitor before using it.

    Reported as: incident reports of intrusions that begin by switching off logging; outage post-mortems.

    Should notice: the source's silence against its own rate at this hour of the week.
    """
    dice, world = stage.dice, stage.world
    length = timedelta(minutes=dice.between(15, 45))
    begin = stage.moment(length)
    until = begin + length.total_seconds()
    expected: Counter[str] = Counter()
    for account in world.accounts:
        local = int(begin // 3600) + account.zone_hours
        weekend = int((local // 24 + 3) % 7 >= 5)
        cycle = CYCLES[KINDS.index(account.habit.kind), weekend, local % 24]
        expected[account.source] += int(1000 * calls_per_day(account.habit) * cycle / 24)
    source, per_hour = dice.pick(expected.most_common(max(1, len(expected) // 3)))
    per_second = max(per_hour / 1000, 1.0) / 3600

    def reshape(moment: float, event: Event) -> Event | None:
        return None if begin <= moment < until and event["source"] == source else event

    tenant = next(account.tenant_id for account in world.accounts if account.source == source)
    return Act(
        instance=stage.instance(
            tenant,
            [TrueSubject(SubjectType.SOURCE, source, SubjectRole.AFFECTED)],
            begin,
            until,
            f"{source} is silent for {length.total_seconds() / 60:.0f} minutes",
            # Ten missing calls: by chance that happens once in e^10 windows.
            detectable_from=min(until, begin + 10 / per_second),
            facts={"expected_per_hour": round(per_hour / 1000, 1)},
        ),
        reshape=reshape,
    )
