"""What the warehouse knows of account-hours, read within the bounds of a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from detectors.accounts.peers import MIN_OWN_HOURS, Peers, Record, measure
from detectors.telemetry_handle import Telemetry

_MAX_SAMPLE = 500_000
_MAX_LARGEST = 1_000
MIN_ACCOUNTS = 20
"""Accounts in an hour from which on its median says how busy the hour is."""

_HOUR_TO_DATE = """
SELECT tenant_id, account_id, sum(calls) AS n, sum(output_tokens) AS tokens, max(last_seen) AS last
FROM account_hours
WHERE hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}
GROUP BY tenant_id, account_id
HAVING n >= {calls:Float64} OR tokens >= {tokens:Float64}
"""

# Some rows of the hour lie after the end of the window: those accounts are counted from their events.
_EXACT = """
SELECT tenant_id, account_id, count(), sum(ifNull(toUInt64(events.output_tokens), 0)), max(event_time)
FROM events
WHERE event_time >= {start:DateTime64(6, 'UTC')} AND event_time < {end:DateTime64(6, 'UTC')}
    AND account_id IN {accounts:Array(String)}
GROUP BY tenant_id, account_id
"""

_LEVELS_NOW = """
SELECT quantileExact(0.5)(n), quantileExact(0.5)(tokens), count()
FROM (
    SELECT account_id, sum(calls) AS n, sum(output_tokens) AS tokens
    FROM account_hours
    WHERE tenant_id = {tenant:String}
        AND hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}
    GROUP BY account_id
)
"""

_RECORDS = """
SELECT tenant_id, account_id, count(),
    arrayReverseSort(groupArray(n)) AS ns, ns[2], ns[intDiv(length(ns), 2) + 1],
    arrayReverseSort(groupArray(tokens)) AS ts, ts[2], ts[intDiv(length(ts), 2) + 1]
FROM (
    SELECT tenant_id, account_id, hour, sum(calls) AS n, sum(output_tokens) AS tokens
    FROM account_hours
    WHERE hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}
        AND account_id IN {accounts:Array(String)}
    GROUP BY tenant_id, account_id, hour
)
GROUP BY tenant_id, account_id
"""

_SIZE = """
SELECT count(), min(hour) FROM account_hours
WHERE hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}
"""

# How busy the tenant's accounts are in its busy hours, one in ten: what goes beyond that is a launch.
_LEVELS = """
SELECT tenant_id, quantileExact(0.9)(median_calls), quantileExact(0.9)(median_tokens)
FROM (
    SELECT tenant_id, hour, quantileExact(0.5)(n) AS median_calls, quantileExact(0.5)(tokens) AS median_tokens
    FROM (
        SELECT tenant_id, account_id, hour, sum(calls) AS n, sum(output_tokens) AS tokens
        FROM account_hours
        WHERE hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}
            AND cityHash64(account_id) % {sample:UInt32} = 0
        GROUP BY tenant_id, account_id, hour
    )
    GROUP BY tenant_id, hour
    HAVING count() >= {accounts:UInt32}
)
GROUP BY tenant_id
"""

_PEERS = """
SELECT tenant_id, sum(hours), sum(days),
    quantilesExactArray(0.8, 0.9, 0.95, 0.97, 0.99, 0.999)(ns),
    quantilesExactArray(0.8, 0.9, 0.95, 0.97, 0.99, 0.999)(ts),
    arraySlice(arrayReverseSort(groupArrayArray(ns)), 1, {largest:UInt32}),
    arraySlice(arrayReverseSort(groupArrayArray(ts)), 1, {largest:UInt32}),
    groupArrayIf((hours, ns[1], ns[2], ts[1], ts[2]), hours >= {own:UInt32})
FROM (
    SELECT tenant_id, account_id, count() AS hours, uniqExact(toDate(hour)) AS days,
        arrayReverseSort(groupArray(n)) AS ns, arrayReverseSort(groupArray(tokens)) AS ts
    FROM (
        SELECT tenant_id, account_id, hour, sum(calls) AS n, sum(output_tokens) AS tokens
        FROM account_hours
        WHERE hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}
            AND cityHash64(account_id) % {sample:UInt32} = 0
        GROUP BY tenant_id, account_id, hour
    )
    GROUP BY tenant_id, account_id
)
GROUP BY tenant_id
ORDER BY tenant_id
"""


class HourToDate(msgspec.Struct, frozen=True):
    """One account's part of one hour that lies before the end of the window."""

    tenant: str
    account: str
    calls: int
    tokens: int


def hour_to_date(telemetry: Telemetry, hour: datetime, end: datetime, calls: float, tokens: float) -> list[HourToDate]:
    """Accounts with at least so many calls or output tokens in [hour, end), end ≤ hour + 1 h; sorted."""
    rows = telemetry.query(_HOUR_TO_DATE, {"calls": calls, "tokens": tokens}, start=hour, end=end)
    if later := sorted({account for _, account, _, _, last in rows if last >= end}):
        exact = telemetry.query(_EXACT, {"accounts": later}, start=hour, end=end)
        rows = [row for row in rows if row[4] < end] + [row for row in exact if row[2] >= calls or row[3] >= tokens]
    return sorted(
        (HourToDate(tenant, account, int(n), int(t)) for tenant, account, n, t, _ in rows),
        key=lambda found: (found.tenant, found.account),
    )


def medians_now(telemetry: Telemetry, tenant: str, hour: datetime, end: datetime) -> tuple[float, float, int]:
    """Median of calls and of tokens over the tenant's accounts in this hour so far, and the number of accounts."""
    calls, tokens, accounts = telemetry.query(_LEVELS_NOW, {"tenant": tenant}, start=hour, end=end)[0]
    return float(calls), float(tokens), int(accounts)


def records(
    telemetry: Telemetry, accounts: Sequence[str], hour: datetime
) -> Mapping[tuple[str, str], tuple[Record, Record]]:
    """The past (calls, tokens) of each account before `hour`, by (tenant, account)."""
    if not accounts:
        return {}
    rows = telemetry.query(_RECORDS, {"accounts": sorted(set(accounts))}, end=hour)
    return {
        (tenant, account): (
            Record(hours, float(ns[0]), float(second), float(usual)),
            Record(hours, float(ts[0]), float(second_tokens), float(usual_tokens)),
        )
        for tenant, account, hours, ns, second, usual, ts, second_tokens, usual_tokens in rows
    }


def history(telemetry: Telemetry, hour: datetime) -> tuple[int, timedelta]:
    """Rows of account-hours before `hour`, and how far back they go."""
    rows, first = telemetry.query(_SIZE, end=hour)[0]
    return int(rows), (hour - first) if rows else timedelta(0)


def peers(telemetry: Telemetry, hour: datetime, rows: int) -> list[Peers]:
    """The account-hours before `hour` of each tenant; of a fixed sample of accounts when there are very many."""
    sample = max(1, rows // _MAX_SAMPLE)
    found = telemetry.query(_PEERS, {"sample": sample, "largest": _MAX_LARGEST, "own": MIN_OWN_HOURS}, end=hour)
    levels = {
        tenant: (float(calls), float(tokens))
        for tenant, calls, tokens in telemetry.query(_LEVELS, {"sample": sample, "accounts": MIN_ACCOUNTS}, end=hour)
    }
    unknown = (0.0, 0.0)
    return [
        Peers(
            tenant,
            int(hours),
            hours / max(days, 1),
            measure(
                calls,
                most_calls,
                int(hours),
                [Record(n, a, b) for n, a, b, _, _ in past],
                levels.get(tenant, unknown)[0],
            ),
            measure(
                tokens,
                most_tokens,
                int(hours),
                [Record(n, a, b) for n, _, _, a, b in past],
                levels.get(tenant, unknown)[1],
            ),
        )
        for tenant, hours, days, calls, tokens, most_calls, most_tokens, past in found
    ]
