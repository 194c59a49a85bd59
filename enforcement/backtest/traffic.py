"""Calls and cost of principals over a span, summed by ClickHouse: the part of the business that a policy would hit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vigil.effect import Target
from vigil.signal import SubjectType
from vigil.warehouse import Warehouse


@dataclass(frozen=True)
class Share:
    """Traffic of one principal, or of all accounts of a tenant (`accounts` of them)."""

    calls: int = 0
    cost_usd: float = 0.0
    accounts: int = 1


class Traffic(Protocol):
    """Where a back-test looks traffic up."""

    def totals(self, tenant_id: str, since: datetime, until: datetime) -> Share:
        """Of the whole tenant."""
        ...

    def of(self, targets: Collection[Target], since: datetime, until: datetime) -> Mapping[Target, Share]:
        """Of principals of one tenant; those without traffic are left out."""
        ...


class WarehouseTraffic:
    """Traffic of the stored events. Raises WarehouseUnavailable."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def totals(self, tenant_id: str, since: datetime, until: datetime) -> Share:
        [[calls, cost, accounts]] = self._warehouse.query(
            """
            SELECT count(), sum(ifNull(cost_usd, 0.)), uniqExact(account_id) FROM events
            WHERE tenant_id = {tenant:String}
              AND event_time >= {since:DateTime64(6, 'UTC')} AND event_time < {until:DateTime64(6, 'UTC')}
            """,
            {"tenant": tenant_id, "since": since, "until": until},
        )
        return Share(int(calls), float(cost), int(accounts))

    def of(self, targets: Collection[Target], since: datetime, until: datetime) -> Mapping[Target, Share]:
        found: dict[Target, Share] = {}
        for kind, column in _COLUMNS.items():
            wanted = {target.id: target for target in targets if target.type is kind}
            if not wanted:
                continue
            tenant = next(iter(wanted.values())).tenant_id
            rows = self._warehouse.query(
                f"""
                SELECT {column}, count(), sum(ifNull(cost_usd, 0.)) FROM events
                WHERE tenant_id = {{tenant:String}} AND {column} IN {{names:Array(String)}}
                  AND event_time >= {{since:DateTime64(6, 'UTC')}} AND event_time < {{until:DateTime64(6, 'UTC')}}
                GROUP BY {column}
                """,  # noqa: S608  (the column is one of four constants)
                {"tenant": tenant, "names": sorted(wanted), "since": since, "until": until},
            )
            found |= {wanted[name]: Share(int(calls), float(cost)) for name, calls, cost in rows}
        return found


_COLUMNS = {
    SubjectType.ACCOUNT: "account_id",
    SubjectType.ORG: "org_id",
    SubjectType.API_KEY: "api_key_hash",
    SubjectType.END_USER: "end_user_id",
}
