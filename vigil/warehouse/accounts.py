"""What is known of accounts: their organisation, age and activity, as of a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from vigil.warehouse.connection import Warehouse


class AccountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of one account. Counts are over the 30 days before the moment asked about."""

    account_id: str
    org_id: str | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    calls: int = 0
    refusals: int = 0
    cost_usd: float = 0.0


class AccountDirectory(Protocol):
    """Where policies and incidents look accounts up."""

    def lookup(self, tenant_id: str, account_ids: Iterable[str], at: datetime) -> Mapping[str, AccountFacts]:
        """Facts by account id as of `at`: nothing later is read. An account never seen has empty facts."""
        ...

    def count_active(self, tenant_id: str, at: datetime) -> int:
        """Accounts of the tenant seen in the 30 days before `at`."""
        ...


class WarehouseAccounts:
    """Accounts as the telemetry shows them: whole hours from the aggregate, the begun hour from the events themselves,
    so that nothing later than `at` is seen even where history is stored ahead of the clock."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def lookup(self, tenant_id: str, account_ids: Iterable[str], at: datetime) -> Mapping[str, AccountFacts]:
        wanted = sorted(set(account_ids))
        if not wanted:
            return {}
        rows = self._warehouse.query(
            """
            SELECT account_id, max(org_id), min(first_seen), max(last_seen),
                   sum(calls), sum(refusals), sum(cost_usd)
            FROM
            (
                SELECT account_id, org_id, first_seen, last_seen, calls, refusals, cost_usd
                FROM account_hours
                WHERE tenant_id = {tenant:String} AND hour >= {start:DateTime64(6, 'UTC')}
                  AND hour < toStartOfHour({at:DateTime64(6, 'UTC')}) AND account_id IN {accounts:Array(String)}
                UNION ALL
                SELECT account_id, org_id, event_time, event_time, 1, toUInt64(ifNull(refused, false)), ifNull(cost_usd, 0.)
                FROM events
                WHERE tenant_id = {tenant:String} AND event_time >= toStartOfHour({at:DateTime64(6, 'UTC')})
                  AND event_time < {at:DateTime64(6, 'UTC')} AND account_id IN {accounts:Array(String)}
            )
            GROUP BY account_id
            """,
            {"tenant": tenant_id, "start": at - timedelta(days=30), "at": at, "accounts": wanted},
        )
        found = {
            account: AccountFacts(
                account_id=account,
                org_id=org or None,
                first_seen=first,
                last_seen=last,
                calls=calls,
                refusals=refusals,
                cost_usd=cost,
            )
            for account, org, first, last, calls, refusals, cost in rows
        }
        return {account: found.get(account, AccountFacts(account_id=account)) for account in wanted}

    def count_active(self, tenant_id: str, at: datetime) -> int:
        [[count]] = self._warehouse.query(
            """
            SELECT uniqExact(account_id) FROM
            (
                SELECT account_id FROM account_hours
                WHERE tenant_id = {tenant:String} AND hour >= {start:DateTime64(6, 'UTC')}
                  AND hour < toStartOfHour({at:DateTime64(6, 'UTC')})
                UNION ALL
                SELECT account_id FROM events
                WHERE tenant_id = {tenant:String} AND event_time >= toStartOfHour({at:DateTime64(6, 'UTC')})
                  AND event_time < {at:DateTime64(6, 'UTC')}
            )
            """,
            {"tenant": tenant_id, "start": at - timedelta(days=30), "at": at},
        )
        return int(count)


class StaticAccounts:
    """Accounts given beforehand, for back-tests and tests."""

    def __init__(self, facts: Mapping[tuple[str, str], AccountFacts] | None = None) -> None:
        self._facts = dict(facts or {})

    def lookup(self, tenant_id: str, account_ids: Iterable[str], at: datetime) -> Mapping[str, AccountFacts]:
        return {
            account: self._facts.get((tenant_id, account), AccountFacts(account_id=account)) for account in account_ids
        }

    def count_active(self, tenant_id: str, at: datetime) -> int:
        return sum(1 for tenant, _ in self._facts if tenant == tenant_id)
