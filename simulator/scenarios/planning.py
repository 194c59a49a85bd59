"""Planning calls that are not anybody's ordinary ones: who, when, with which text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from simulator.authors import Turn
from simulator.calls import Call
from simulator.dice import Dice
from simulator.habits import Kind, calls_per_day
from simulator.scenarios.base import Stage
from simulator.text.topics import Topic
from simulator.truth import TrueSubject
from simulator.world import Account, World
from vigil.errors import UsageError
from vigil.signal import SubjectRole, SubjectType


def planned_call(
    world: World,
    account: Account,
    at: float,
    text: str,
    topic: Topic,
    dice: Dice,
    *,
    system: str | None = None,
    refusal: float | None = None,
    answer_characters: float = 600.0,
    answer: str | None = None,
) -> Call:
    """One call with a given text, otherwise like any of the account's. `refusal`: probability, else the account's own."""
    refused = dice.chance(account.refusal_rate if refusal is None else refusal)
    if answer is None or refused:
        length = int(dice.lognormal(answer_characters, 0.5))
        answer = world.composer.refusal(topic, dice) if refused else world.composer.answer(topic, length, dice)
    call = Call(
        at,
        account,
        dice.zipf(account.keys),
        dice.pick(account.sites),
        dice.zipf(account.agents),
        dice.zipf(account.models),
        refused=refused,
        answer_tokens=int(len(answer) / 4.2) + 1,
    )
    if account.org.sends_content:
        call.turn, call.answer = Turn(text, topic, "en", system), answer
    else:
        call.prompt_tokens = int(len(text) / 4.3) + 7
    return call


def paced(start: float, length_s: float, count: int, dice: Dice, *, jitter: float = 0.6) -> list[float]:
    """`count` moments over a span: an even pace of one's own, each moved by up to ±`jitter` of a step."""
    step = length_s / count
    moments = [start + step * (i + 0.5 + jitter * (2 * dice.unit() - 1)) for i in range(count)]
    return sorted(min(max(moment, start), start + length_s) for moment in moments)


def account_subjects(accounts: Iterable[Account], role: SubjectRole = SubjectRole.OFFENDER) -> tuple[TrueSubject, ...]:
    """Accounts as subjects of an instance."""
    return tuple(TrueSubject(SubjectType.ACCOUNT, account.account_id, role) for account in accounts)


def in_order(calls: Iterable[Call]) -> list[Call]:
    """Calls by time."""
    return sorted(calls, key=lambda call: call.at)


def span(calls: Sequence[Call]) -> tuple[float, float]:
    """Epoch seconds of the first and last of `calls`, which are in order."""
    return calls[0].at, calls[-1].at


def nth_time(calls: Sequence[Call], accounts_needed: int, calls_each: int) -> float:
    """The moment at which `accounts_needed` accounts have made `calls_each` calls each; the last call's if never."""
    made: dict[str, int] = {}
    ready = 0
    for call in calls:
        count = made[call.account.account_id] = made.get(call.account.account_id, 0) + 1
        if count == calls_each:
            ready += 1
            if ready == accounts_needed:
                return call.at
    return calls[-1].at


def established(
    stage: Stage,
    *,
    content: bool = True,
    kinds: Sequence[Kind] = (Kind.PERSON, Kind.MEMBER),
    least_calls_per_day: float = 0.0,
) -> Account:
    """An account of the world that has existed for a while, of one of the kinds; of those with enough calls where there
    are any. Raises UsageError when there is no account of the kinds.
    """
    found = [
        account
        for account in stage.world.accounts
        if account.habit.kind in kinds
        and account.org.sends_content is content
        and account.created_at < stage.start - timedelta(days=14)
    ]
    if not found:
        raise UsageError(f"no account of this world suits scenario {stage.scenario.name}; take a larger --scale")
    busy = [account for account in found if calls_per_day(account.habit) >= least_calls_per_day]
    return stage.dice.pick(busy or [max(found, key=lambda account: calls_per_day(account.habit))])


def young(stage: Stage, tenant: str, begin: float, calls_per_day: float, *, content: bool | None = True) -> Account:
    """A new account of an organisation of its own, made days before `begin`."""
    org = stage.world.organisation(stage.dice, tenant, content=content)
    created = datetime.fromtimestamp(begin, UTC) - timedelta(days=stage.dice.lognormal(5.0, 0.8), hours=2)
    return stage.world.person(stage.dice, org, calls_per_day, created_at=created)


def spread(begin: float, seconds: float, count: int, dice: Dice) -> list[float]:
    """`count` moments at random over a span, in order."""
    return sorted(begin + dice.unit() * seconds for _ in range(count))
