"""Accounts made in series are found; a school, a mail provider and people from everywhere are not."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from detectors.accounts.account_farm import AccountFarm
from detectors.state import State
from tests.detectors.looking import look
from tests.detectors.traffic import START, Call, insert
from vigil.signal import IncidentKind, Signal
from vigil.warehouse import Warehouse

MINUTE = timedelta(minutes=1)
NOW = START + timedelta(days=3)


def everybody(accounts: int = 120) -> list[Call]:
    """Older accounts at three mail providers, each from a place of its own."""
    rng = random.Random(1)
    return [
        Call(
            NOW - timedelta(minutes=rng.uniform(1, 600)),
            f"user{number}",
            org=f"org{number}",
            prefix=f"home{number}",
            domain=f"mail{number % 3}.example",
            created=START - timedelta(days=100),
        )
        for number in range(accounts)
        for _ in range(3)
    ]


def newcomers(
    count: int, domain: str, *, prefixes: int, one_org: bool = False, name: str = "new", after: float = 0.0
) -> list[Call]:
    """Accounts made one a minute, with five calls each."""
    calls = []
    for number in range(count):
        made = NOW + (after + number) * MINUTE
        calls += [
            Call(
                made + step * MINUTE,
                f"{name}{number}",
                org="school" if one_org else f"{name}org{number}",
                prefix=f"{name}site{number % prefixes}",
                domain=domain,
                created=made,
            )
            for step in range(1, 6)
        ]
    return calls


def said(warehouse: Warehouse, state: State | None = None, *, minutes: int = 60) -> list[Signal]:
    detector, state = AccountFarm(), state or State()
    return [
        signal
        for minute in range(10, minutes + 1, 10)
        for signal in look(detector, warehouse, NOW + minute * MINUTE, state)
    ]


def test_a_farm_is_found_while_it_is_being_made_and_said_again_when_it_has_grown(warehouse: Warehouse) -> None:
    insert(warehouse, [*everybody(), *newcomers(40, "farm.example", prefixes=3)])
    signals = said(warehouse)
    assert (signals[0].window.end - NOW) / MINUTE <= 20
    assert {signal.key for signal in signals} == {"farm:farm.example"}
    assert 2 <= len(signals) <= 6
    assert signals[0].kind is IncidentKind.COORDINATED_RING
    assert signals[0].facts["pattern"] == "account_farm"
    assert len(signals[-1].subjects) >= 32
    assert all(subject.id.startswith("new") for signal in signals for subject in signal.subjects)


def test_another_series_under_the_same_domain_days_later_is_said_though_it_is_smaller(warehouse: Warehouse) -> None:
    insert(warehouse, [*everybody(), *newcomers(30, "farm.example", prefixes=3)])
    state = State()
    assert said(warehouse, state)
    later = 3 * 24 * 60
    insert(warehouse, [replace(call, at=call.at + timedelta(minutes=later)) for call in everybody()])
    insert(warehouse, newcomers(12, "farm.example", prefixes=1, name="next", after=later))
    again = look(AccountFarm(), warehouse, NOW + timedelta(minutes=later + 30), state)
    assert [len(signal.subjects) for signal in again] == [12]


def test_a_school_that_signs_up_its_class_is_one_organisation(warehouse: Warehouse) -> None:
    insert(warehouse, [*everybody(), *newcomers(40, "school.example", prefixes=1, one_org=True)])
    assert said(warehouse) == []


def test_people_of_a_mail_provider_come_as_they_always_did(warehouse: Warehouse) -> None:
    insert(
        warehouse,
        [
            *everybody(),
            *newcomers(20, "mail0.example", prefixes=2, name="a"),
            *newcomers(20, "mail1.example", prefixes=20, name="b"),
            *newcomers(20, "mail2.example", prefixes=20, name="c"),
        ],
    )
    assert said(warehouse) == []


def test_a_new_mail_provider_whose_people_come_from_everywhere_is_left_alone(warehouse: Warehouse) -> None:
    insert(warehouse, [*everybody(), *newcomers(40, "fresh.example", prefixes=40)])
    assert said(warehouse) == []


def test_a_handful_is_no_farm(warehouse: Warehouse) -> None:
    insert(warehouse, [*everybody(), *newcomers(7, "farm.example", prefixes=1)])
    assert said(warehouse) == []
