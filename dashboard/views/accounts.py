"""Accounts: finding one, and what is known of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, func, select

from dashboard.views.actions import in_force_on
from dashboard.views.reading import read
from vigil.effect import Action, Target
from vigil.record.action_rows import target_key
from vigil.record.incident_rows import index_key
from vigil.record.schema import incident_subjects, incidents
from vigil.signal import Subject, SubjectType
from vigil.warehouse import Warehouse

HISTORY = timedelta(days=30)


class AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    """One account in a list. Counts are over 30 days, `calls_day` over the last 24 whole hours and this one."""

    tenant_id: str
    account_id: str
    org_id: str
    calls: int
    calls_day: int
    refusals: int
    first_seen: datetime
    last_seen: datetime


class Standing(msgspec.Struct, frozen=True):
    """What the record says about an account."""

    incidents: int = 0
    in_force: tuple[Action, ...] = ()


class AccountProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One account over 30 days. Networks and agents are approximate counts of distinct ones."""

    org_id: str
    first_seen: datetime
    last_seen: datetime
    calls: int
    calls_day: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    refusals: int
    errors: int
    networks: int
    agents: int
    distinct_texts: int


def search(
    warehouse: Warehouse, now: datetime, *, text: str = "", tenant: str | None = None, limit: int = 100
) -> list[AccountRow]:
    """Accounts whose id or organisation contains `text` (any case), the busiest of the last day first."""
    rows = read(
        warehouse,
        """
        SELECT tenant_id, account_id, max(org_id) AS org, sum(calls) AS all_calls,
               sumIf(calls, hour >= {day:DateTime64(6, 'UTC')}) AS day_calls,
               sum(refusals), min(first_seen), max(last_seen)
        FROM account_hours
        WHERE hour >= {since:DateTime64(6, 'UTC')} AND hour <= {now:DateTime64(6, 'UTC')}
          AND ({tenant:String} = '' OR tenant_id = {tenant:String})
        GROUP BY tenant_id, account_id
        HAVING {text:String} = '' OR positionCaseInsensitiveUTF8(account_id, {text:String}) > 0
            OR positionCaseInsensitiveUTF8(org, {text:String}) > 0
        ORDER BY day_calls DESC, all_calls DESC, account_id
        LIMIT {rows:UInt32}
        """,
        {
            "now": now,
            "since": now - HISTORY,
            "day": now - timedelta(days=1),
            "tenant": tenant or "",
            "text": text.strip(),
            "rows": limit,
        },
    )
    return [
        AccountRow(
            tenant_id=row[0],
            account_id=row[1],
            org_id=row[2],
            calls=row[3],
            calls_day=row[4],
            refusals=row[5],
            first_seen=row[6],
            last_seen=row[7],
        )
        for row in rows
    ]


def tenants(warehouse: Warehouse, now: datetime, limit: int = 200) -> list[str]:
    """Tenants with traffic in the last 30 days, the busiest first."""
    rows = read(
        warehouse,
        """
        SELECT tenant_id FROM source_minutes WHERE minute >= {since:DateTime64(6, 'UTC')}
        GROUP BY tenant_id ORDER BY sum(calls) DESC, tenant_id LIMIT {rows:UInt32}
        """,
        {"since": now - HISTORY, "rows": limit},
    )
    return [tenant for (tenant,) in rows]


def profile(warehouse: Warehouse, tenant_id: str, account_id: str, now: datetime) -> AccountProfile | None:
    """None when the account was not seen within 30 days."""
    row = read(
        warehouse,
        """
        SELECT max(org_id), min(first_seen), max(last_seen), sum(calls),
               sumIf(calls, hour >= {day:DateTime64(6, 'UTC')}), sum(input_tokens), sum(output_tokens),
               sum(cost_usd), sum(refusals), sum(errors), uniqMerge(prefixes), uniqMerge(agents),
               uniqMerge(fingerprints)
        FROM account_hours
        WHERE tenant_id = {tenant:String} AND account_id = {account:String}
          AND hour >= {since:DateTime64(6, 'UTC')} AND hour <= {now:DateTime64(6, 'UTC')}
        """,
        {
            "tenant": tenant_id,
            "account": account_id,
            "now": now,
            "since": now - HISTORY,
            "day": now - timedelta(days=1),
        },
    )[0]
    if row[3] == 0:
        return None
    return AccountProfile(
        org_id=row[0],
        first_seen=row[1],
        last_seen=row[2],
        calls=row[3],
        calls_day=row[4],
        input_tokens=row[5],
        output_tokens=row[6],
        cost_usd=row[7],
        refusals=row[8],
        errors=row[9],
        networks=row[10],
        agents=row[11],
        distinct_texts=row[12],
    )


def calls_in_window(
    warehouse: Warehouse, tenant_id: str, subjects: Sequence[Subject], since: datetime, until: datetime
) -> dict[str, tuple[int, datetime]]:
    """Calls and the last one of each account among `subjects` in [since, until)."""
    wanted = [subject.id for subject in subjects if subject.type is SubjectType.ACCOUNT]
    if not wanted:
        return {}
    rows = read(
        warehouse,
        """
        SELECT account_id, count(), max(event_time)
        FROM events
        WHERE tenant_id = {tenant:String} AND event_time >= {since:DateTime64(6, 'UTC')}
          AND event_time < {until:DateTime64(6, 'UTC')} AND account_id IN {accounts:Array(String)}
        GROUP BY account_id
        """,
        {"tenant": tenant_id, "since": since, "until": until, "accounts": wanted},
    )
    return {account: (calls, last) for account, calls, last in rows}


def standings(
    connection: Connection, accounts: Sequence[tuple[str, str]], now: datetime
) -> dict[tuple[str, str], Standing]:
    """What the record says about each (tenant, account)."""
    targets = {key: Target(SubjectType.ACCOUNT, key[1], key[0]) for key in accounts}
    restricted = in_force_on(connection, targets.values(), now)
    by_tenant: dict[str, list[str]] = defaultdict(list)
    for tenant, account in accounts:
        by_tenant[tenant].append(account)
    numbers = {tenant: _incident_counts(connection, tenant, names) for tenant, names in by_tenant.items()}
    return {
        key: Standing(numbers[key[0]].get(index_key(key[1]), 0), tuple(restricted.get(target_key(target), ())))
        for key, target in targets.items()
    }


def _incident_counts(connection: Connection, tenant_id: str, names: Sequence[str]) -> dict[str, int]:
    rows = connection.execute(
        select(incident_subjects.c.subject_id, func.count())
        .join(incidents, incidents.c.incident_id == incident_subjects.c.incident_id)
        .where(
            incident_subjects.c.tenant_id == tenant_id,
            incident_subjects.c.subject_type == SubjectType.ACCOUNT.value,
            incident_subjects.c.subject_id.in_([index_key(name) for name in names]),
            incidents.c.merged_into.is_(None),
        )
        .group_by(incident_subjects.c.subject_id)
    )
    return {key: number for key, number in rows}  # noqa: C416  # rows are not pairs to the type checker
