"""A product launch: everybody at once, and many newcomers."""

from __future__ import annotations

from datetime import timedelta

from simulator.scenarios.base import Act, Stage, at, scenario
from simulator.scenarios.planning import account_subjects
from simulator.world import Account
from vigil.signal import SubjectRole


@scenario(lookalike=True)
def launch_day(stage: Stage) -> Act:
    """One tenant launches something: its traffic doubles to quadruples for hours and new accounts arrive by the minute.

    What happens: every account of the tenant is up to four times as active, rising within half an hour and fading
    slowly; a tenth as many accounts again sign up that day and try things out.

    Reported as: providers' status pages and post-mortems of launch days.

    Should notice: nobody about accounts; a metric anomaly on the volume of the tenant would be true, not a fault.
    """
    dice, world = stage.dice, stage.world
    length = timedelta(hours=min(6.0, max(1.0, (stage.end - stage.quiet_until).total_seconds() / 3600)))
    begin = stage.moment(length)
    tenant = dice.pick(world.tenants)
    peak = dice.between(2.0, 4.0)
    seconds = length.total_seconds()
    count = max(12, sum(account.tenant_id == tenant for account in world.accounts) // 10)
    newcomers = []
    for _ in range(count):
        org = world.organisation(dice, tenant)
        # The day is short: a newcomer's rate is that of somebody who tries out a lot.
        newcomers.append(
            world.person(
                dice, org, dice.lognormal(40.0, 0.7), created_at=at(begin + dice.unit() ** 1.5 * seconds * 0.7)
            )
        )

    def load(account: Account, hour: float) -> float:
        if account.tenant_id != tenant or not begin - 3600 < hour < begin + seconds:
            return 1.0
        # An hour that only partly belongs to the launch is raised by that part.
        part = (min(hour + 3600, begin + seconds) - max(hour, begin)) / 3600
        fading = 1.0 - 0.6 * max(0.0, hour - begin) / seconds
        return 1.0 + (peak - 1.0) * part * fading

    return Act(
        instance=stage.instance(
            tenant,
            account_subjects(
                [account for account in (*world.accounts, *newcomers) if account.tenant_id == tenant],
                SubjectRole.CONTEXT,
            ),
            begin,
            begin + seconds,
            f"the traffic of {tenant} rises to {peak:.1f} times and {count} accounts are new",
            facts={"peak": round(peak, 2), "newcomers": count},
        ),
        accounts=newcomers,
        load=load,
    )
