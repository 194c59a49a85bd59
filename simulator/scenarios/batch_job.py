"""An enterprise's queue of templated work."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from simulator import habits
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import account_subjects
from vigil.signal import SubjectRole


@scenario(lookalike=True)
def batch_job(stage: Stage) -> Act:
    """A company works through documents around the clock: same template, same machines, same pace.

    What happens: 4 to 8 service accounts of one organisation share a template, a cloud prefix and a program. They have
    done so for months, day and night.

    Reported as: cloud providers' guides to batch inference describe exactly this use.

    Should notice: nobody. The accounts belong to one organisation and behave as always.
    """
    dice, world = stage.dice, stage.world
    tenant = dice.pick(world.tenants)
    org = world.organisation(dice, tenant, office=True, content=True)
    author = world.application(dice)
    pattern = world.service(dice, org, author, 1.0)
    accounts = [
        msgspec.structs.replace(
            world.service(dice, org, author, 0.0, habits.batch(dice.between(250, 650))),
            sites=pattern.sites[:1],
            agents=pattern.agents,
            models=pattern.models[:1],
            end_users=0,
            temperature=0.0,
            created_at=stage.start - timedelta(days=dice.between(60, 400)),
        )
        for _ in range(dice.whole(4, 8))
    ]
    return Act(
        instance=stage.instance(
            tenant,
            account_subjects(accounts, SubjectRole.CONTEXT),
            stage.start.timestamp(),
            stage.end.timestamp(),
            f"{len(accounts)} service accounts of {org.org_id} work through one template day and night",
            facts={"accounts": len(accounts)},
        ),
        accounts=accounts,
    )
