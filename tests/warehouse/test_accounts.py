"""The account directory answers as of a moment, the same from both implementations."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from vigil.warehouse import Warehouse
from vigil.warehouse.accounts import AccountFacts, StaticAccounts, WarehouseAccounts

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def call(warehouse: Warehouse, account: str, at: datetime, org: str) -> None:
    columns = ["event_id", "event_time", "received_at", "tenant_id", "source", "account_id", "org_id"]
    warehouse.insert("events", columns, [[uuid.uuid4()], [at], [at], ["acme"], ["s"], [account], [org]])


def test_later_hours_are_not_seen_and_a_missing_organisation_does_not_hide_a_known_one(warehouse: Warehouse) -> None:
    call(warehouse, "a", NOON, "o1")
    call(warehouse, "a", NOON + timedelta(minutes=5), "")
    call(warehouse, "a", NOON + timedelta(hours=3), "o2")
    facts = WarehouseAccounts(warehouse).lookup("acme", ["a", "ghost"], NOON + timedelta(hours=1))
    assert (facts["a"].org_id, facts["a"].calls) == ("o1", 2)
    assert facts["ghost"] == AccountFacts(account_id="ghost")


def test_active_accounts_are_those_of_the_tenant_in_the_thirty_days_before(warehouse: Warehouse) -> None:
    for account, at in (("a", NOON), ("a", NOON - timedelta(hours=2)), ("b", NOON), ("old", NOON - timedelta(days=32))):
        call(warehouse, account, at, "o1")
    call(warehouse, "later", NOON + timedelta(hours=2), "o1")
    directory = WarehouseAccounts(warehouse)
    assert directory.count_active("acme", NOON + timedelta(hours=1)) == 2
    assert directory.count_active("other", NOON) == 0
    assert StaticAccounts({("acme", "a"): AccountFacts(account_id="a")}).count_active("acme", NOON) == 1


def test_what_is_later_within_the_same_hour_is_not_seen(warehouse: Warehouse) -> None:
    call(warehouse, "a", NOON - timedelta(minutes=1), "o1")
    call(warehouse, "a", NOON + timedelta(minutes=5), "o2")
    call(warehouse, "a", NOON + timedelta(minutes=15), "o3")
    facts = WarehouseAccounts(warehouse).lookup("acme", ["a"], NOON + timedelta(minutes=15))["a"]
    assert (facts.org_id, facts.calls, facts.last_seen) == ("o2", 2, NOON + timedelta(minutes=5))
    call(warehouse, "b", NOON + timedelta(minutes=20), "o1")
    assert WarehouseAccounts(warehouse).count_active("acme", NOON + timedelta(minutes=20)) == 1
    assert WarehouseAccounts(warehouse).count_active("acme", NOON + timedelta(minutes=21)) == 2


def test_the_static_directory_answers_for_unknown_accounts_too() -> None:
    known = AccountFacts(account_id="a", org_id="o")
    directory = StaticAccounts({("acme", "a"): known})
    assert directory.lookup("acme", ["a", "b"], NOON) == {"a": known, "b": AccountFacts(account_id="b")}
    assert directory.lookup("other", ["a"], NOON)["a"].org_id is None
