"""A class, one campus, one assignment."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from simulator import network
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import account_subjects, in_order, planned_call, span
from simulator.text.topics import BY_NAME
from vigil.signal import SubjectRole

_FRAMES = (
    "",
    "here is my assignment: ",
    "can you help me with this? ",
    "solve this step by step: ",
    "I don't understand the task. ",
    "what would a good answer look like? ",
)


@scenario(lookalike=True)
def class_assignment(stage: Stage) -> Act:
    """Forty students paste the same assignment from the same campus within an hour.

    What happens: accounts of one school, made in the same week of term, behind a handful of addresses, paste one
    assignment text, try it one to five times and ask on in words of their own.

    Reported as: education research on how classes use assistants.

    Should notice: nobody. One organisation, one place and one text, but people, who ask a few times and differ.
    """
    dice, world = stage.dice, stage.world
    length = timedelta(minutes=dice.between(45, 56))
    begin = stage.moment(length)
    tenant = dice.pick(world.tenants)
    school = msgspec.structs.replace(
        world.organisation(dice, tenant, office=True, content=True), office=network.campus(), country="US"
    )
    term = stage.start - timedelta(days=dice.between(20, 80))
    students = [
        world.member(
            dice, school, dice.lognormal(4.0, 0.7), created_at=term + timedelta(days=dice.between(0, 5)),
        )
        for _ in range(40)
    ]  # fmt: skip
    topic = dice.pick((BY_NAME["school"], BY_NAME["science"], BY_NAME["data analysis"]))
    task = world.composer.fill(
        "Task {number}. {statement} {statement} a) {request} b) {request} Give reasons and name the {aspect}. {constraint}",
        topic,
        dice,
    )
    calls = []
    for student in students:
        moment = begin + dice.unit() ** 1.3 * length.total_seconds() * 0.8
        author = student.author
        for attempt in range(dice.whole(1, 5)):
            if moment > begin + length.total_seconds():
                break
            if attempt == 0 or dice.chance(0.3):
                text = dice.pick(_FRAMES) + task
            else:
                text = author.follow(author.open(dice), dice).text
            calls.append(planned_call(world, student, moment, text, topic, dice))
            moment += dice.lognormal(150, 0.7)
    calls = in_order(calls)
    return Act(
        instance=stage.instance(
            tenant,
            account_subjects(students, SubjectRole.CONTEXT),
            *span(calls),
            f"{len(students)} students of {school.org_id} paste one assignment from one campus",
            facts={"accounts": len(students), "calls": len(calls)},
        ),
        accounts=students,
        calls=calls,
    )
