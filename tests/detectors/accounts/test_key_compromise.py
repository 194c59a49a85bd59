"""A stranger beside the owner of a key is found; owners who travel, move, rotate or change their program are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from detectors.accounts.key_compromise import KeyCompromise
from detectors.state import State
from tests.detectors.looking import look
from tests.detectors.traffic import START, Call, insert
from vigil.signal import IncidentKind, Severity, Signal, SubjectRole, SubjectType
from vigil.warehouse import Warehouse

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = START + 8 * DAY + 12 * HOUR
HOME, CLOUD = 64_700, 64_908

Place = tuple[int, str]


def past(
    warehouse: Warehouse, *, keys: int = 80, moves: Sequence[int] = (), orgs: int = 80, tenant: str = "acme"
) -> None:
    """Keys that are used for eight hours a day from home with one program; those in `moves` take up another network
    and another program together on the fifth day."""
    rows = []
    for number in range(keys):
        for day in range(8):
            place = (HOME + 1, "new/1") if number in moves and day >= 5 else (HOME, "app/1")
            for hour in range(9, 17):
                at = START + day * DAY + hour * HOUR
                if at < NOW - 2 * HOUR:
                    rows.append(
                        (tenant, at, f"key{number}", *place, f"acct{number}", f"org{number % orgs}", 5, at, at + 50 * MINUTE)
                    )  # fmt: skip
    columns = ["tenant_id", "hour", "api_key_hash", "client_asn", "user_agent", "account_id", "org_id", "calls"]
    columns += ["first_seen", "last_seen"]
    warehouse.insert("key_places", columns, [list(column) for column in zip(*rows, strict=True)])


def used(key: int, place: Place, minutes: Iterable[float], *, org: int | None = None) -> list[Call]:
    """Calls with a key at so many minutes after NOW."""
    return [
        Call(NOW + minute * MINUTE, f"acct{key}", key=f"key{key}", asn=place[0], agent=place[1], org=f"org{key if org is None else org}")
        for minute in minutes
    ]  # fmt: skip


def said(warehouse: Warehouse, *, until: int = 60) -> list[Signal]:
    """What it says within the hour, looking every five minutes."""
    detector, state = KeyCompromise(), State()
    return [
        signal
        for minute in range(5, until + 1, 5)
        for signal in look(detector, warehouse, NOW + minute * MINUTE, state)
    ]


def owner(key: int = 3) -> list[Call]:
    return used(key, (HOME, "app/1"), range(1, 60, 7))


def test_a_stranger_beside_the_owner_is_found_within_minutes_and_said_again_when_twice_as_much(
    warehouse: Warehouse,
) -> None:
    past(warehouse)
    insert(warehouse, [*owner(), *used(3, (CLOUD, "script/1"), range(0, 60, 2))])
    signals = said(warehouse)
    assert (signals[0].window.end - NOW) / MINUTE <= 20
    assert 2 <= len(signals) <= 3
    assert {signal.key for signal in signals} == {"key3"}
    assert signals[0].kind is IncidentKind.KEY_COMPROMISE
    assert signals[-1].severity is Severity.HIGH
    assert signals[-1].facts["pattern"] == "theft"
    roles = {(subject.type, subject.id): subject.role for subject in signals[0].subjects}
    assert roles == {
        (SubjectType.API_KEY, "key3"): SubjectRole.OFFENDER,
        (SubjectType.ACCOUNT, "acct3"): SubjectRole.VICTIM,
    }


def test_many_strangers_are_a_resale_even_while_the_owner_sleeps(warehouse: Warehouse) -> None:
    past(warehouse)
    strangers = [call for n in range(6) for call in used(3, (CLOUD + n, f"script/{n}"), range(10 + n, 60, 7))]
    insert(warehouse, [*used(3, (HOME, "app/1"), (0, 1)), *strangers])
    assert said(warehouse)[-1].facts["pattern"] == "resale"


def test_a_crowd_on_a_key_of_little_past_is_found_and_one_stranger_is_not(warehouse: Warehouse) -> None:
    past(warehouse)
    little = used(200, (HOME, "app/1"), [-2_880 + 90 * n for n in range(12)])
    crowd = [call for n in range(8) for call in used(200, (CLOUD + n, f"script/{n}"), range(10 + n, 60, 7))]
    alone = [replace(call, key="key201", account="acct201") for call in little]
    stranger = used(201, (CLOUD, "script/1"), range(0, 60, 2))
    insert(warehouse, [*little, *crowd, *used(200, (HOME, "app/1"), (1, 50)), *alone, *stranger])
    insert(warehouse, used(201, (HOME, "app/1"), range(1, 60, 7)))
    assert {signal.key for signal in said(warehouse)} == {"key200"}


def test_an_owner_who_travels_or_changes_the_program_is_left_alone(warehouse: Warehouse) -> None:
    past(warehouse)
    travelling = used(3, (CLOUD, "app/1"), range(0, 60, 2))
    updated = used(4, (HOME, "app/2"), range(0, 60, 2))
    insert(warehouse, [*owner(3), *travelling, *owner(4), *updated])
    assert said(warehouse) == []


def test_a_key_that_moves_and_leaves_its_old_place_is_left_alone(warehouse: Warehouse) -> None:
    past(warehouse)
    insert(warehouse, [*used(3, (HOME, "app/1"), (0, 2, 4)), *used(3, (CLOUD, "script/1"), range(5, 60, 2))])
    assert said(warehouse) == []


def test_a_company_that_moves_with_several_keys_is_left_alone(warehouse: Warehouse) -> None:
    past(warehouse, orgs=10)
    moving = [
        call
        for key in (3, 13, 23)
        for call in [
            *used(key, (HOME, "app/1"), range(1, 60, 7), org=3),
            *used(key, (CLOUD, "sdk/9"), range(key // 10, 60, 2), org=3),
        ]
    ]
    insert(warehouse, moving)
    assert said(warehouse) == []


def test_a_new_key_has_no_habits_to_break(warehouse: Warehouse) -> None:
    past(warehouse)
    fresh = [*used(3, (HOME, "app/1"), range(1, 60, 7)), *used(3, (CLOUD, "script/1"), range(0, 60, 2))]
    insert(warehouse, [replace(call, key="rotated") for call in fresh])
    assert said(warehouse) == []


def test_where_keys_are_seen_to_move_now_and_then_a_stranger_is_no_proof(warehouse: Warehouse) -> None:
    past(warehouse, moves=(5, 6))
    insert(warehouse, [*owner(), *used(3, (CLOUD, "script/1"), range(0, 60, 2))])
    assert said(warehouse) == []


def test_failed_calls_are_no_use_of_a_key(warehouse: Warehouse) -> None:
    past(warehouse)
    tried = [replace(call, status="error") for call in used(3, (CLOUD, "script/1"), range(0, 60, 2))]
    insert(warehouse, [*owner(), *tried])
    assert said(warehouse) == []
