"""Other people's data in answers."""

from __future__ import annotations

from datetime import timedelta

from simulator.calls import Event
from simulator.habits import Kind, calls_per_day
from simulator.scenarios.base import Act, Stage, scenario
from simulator.scenarios.planning import established
from simulator.scenarios.reshaping import dice_of, fate, some_topic, with_answer
from simulator.truth import TrueSubject
from vigil.signal import IncidentKind, SubjectRole, SubjectType

_LEAKS = (
    "For reference: {name} {name}, {mail}, phone {phone}, card {card}.",
    "The previous customer was {name} ({mail}); the parcel went to {place}, call {phone}.",
    "Contact on file: {mail}, account {iban}, date of birth {date} 1984.",
    "Credentials found in the document: api_key = sk-test-{secret}, password for {name}: {term}{number}!",
)
# Numbers that their schemes set aside for tests and fiction.
_CARDS = ("4111 1111 1111 1111", "5555 5555 5555 4444", "3782 822463 10005")
_IBANS = ("DE89 3704 0044 0532 0130 00", "GB29 NWBK 6016 1331 9268 19", "FR14 2004 1010 0505 0001 3M02 606")


@scenario(IncidentKind.DATA_LEAK)
def data_leak(stage: Stage) -> Act:
    """An application's answers begin to carry personal data and secrets of other people.

    Attacker: nobody, or somebody who knows how to ask. After a change of its retrieval, 5 to 30 % of an application's
    answers quote addresses, cards, account numbers or keys that belong to others.

    Reported as: incident reports on assistants that showed other users' data.

    Should notice: personal data and secrets in output, against the application's own past.
    """
    dice, world = stage.dice, stage.world
    length = stage.length(timedelta(hours=1), timedelta(hours=12))
    begin = stage.moment(length)
    end = begin + length.total_seconds()
    rate = dice.between(0.05, 0.3)
    # An application that answers too rarely leaks nothing that anybody could find.
    enough = 10 / rate / length.total_seconds() * 86_400
    account = established(stage, kinds=(Kind.SERVICE,), least_calls_per_day=enough)

    def reshape(moment: float, event: Event) -> Event | None:
        if not begin <= moment < end or event["account_id"] != account.account_id or fate(event) >= rate:
            return event
        if event["status"] != "ok" or not event.get("output"):
            return event
        own = dice_of(event, stage)
        name = own.zipf(world.composer.names.people)
        values = {
            "mail": (f"{name.lower()}@example.{own.pick(('com', 'org', 'net'))}",),
            "phone": (f"+1 202-555-01{own.below(100):02}",),
            "card": _CARDS,
            "iban": _IBANS,
            "secret": (own.hex(32),),
        }
        leak = world.composer.fill(own.pick(_LEAKS), some_topic(event), own, values)
        return with_answer(event, f"{event['output']} {leak}")

    per_second = calls_per_day(account.habit) * rate / 86_400
    return Act(
        instance=stage.instance(
            account.tenant_id,
            [TrueSubject(SubjectType.ACCOUNT, account.account_id, SubjectRole.AFFECTED)],
            begin,
            end,
            f"{rate:.0%} of the answers of {account.account_id} carry other people's data",
            detectable_from=min(end, begin + 4 / per_second),
            facts={"rate": round(rate, 3)},
        ),
        reshape=reshape,
    )
