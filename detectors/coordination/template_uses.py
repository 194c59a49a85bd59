"""Who used which template when: reading `template_minutes` up to the very end of a window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from detectors.schedule import MINUTE, floor
from detectors.telemetry_handle import Telemetry

ANY = 0
"""The fingerprint under which all calls with content are counted."""

KINDS = 4
"""A fingerprint modulo this is its kind: a call has one fingerprint of each."""

MAX_CANDIDATES = 2_000
MAX_USERS = 500
_MAX_ROWS = 200_000

_WHOLE_MINUTES = """
SELECT tenant_id, fingerprint, minute, account_id, calls FROM template_minutes
WHERE hour >= toStartOfHour({start:DateTime64(6, 'UTC')}) AND minute >= {start:DateTime64(6, 'UTC')}
    AND minute < {whole:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
"""

FINGERPRINTS = """
arrayConcat([0, bitOr(bitAnd(template_fingerprint, bitNot(toUInt64(3))), 1)],
    arrayMap((band, number) -> bitOr(bitAnd(band, bitNot(toUInt64(3))), number + 1), template_bands, arrayEnumerate(template_bands)))
"""
"""The fingerprints of an event, as the view of `template_minutes` computes them."""

_BEGUN_MINUTE = """
UNION ALL
SELECT tenant_id, arrayJoin(FINGERPRINTS) AS fingerprint, toStartOfMinute(event_time) AS minute, account_id, 1 AS calls
FROM events
WHERE event_time >= {whole:DateTime64(6, 'UTC')} AND event_time >= {start:DateTime64(6, 'UTC')}
    AND event_time < {end:DateTime64(6, 'UTC')} AND has_content
""".replace("FINGERPRINTS", FINGERPRINTS)

_SHARED = """
SELECT tenant_id, fingerprint, uniqExact(account_id) AS users FROM (USES)
WHERE fingerprint != 0 AND intDiv(fingerprint, 4) % {sample:UInt32} = 0
GROUP BY tenant_id, fingerprint
HAVING users >= {members:UInt32} AND max(minute) >= {fresh:DateTime64(6, 'UTC')}
ORDER BY users DESC, tenant_id, fingerprint
LIMIT {candidates:UInt32}
"""

_BY_ACCOUNT = """
SELECT tenant_id, account_id, fingerprint,
    groupBitOr(bitShiftLeft(toUInt64(1), intDiv(dateDiff('second', toDateTime({start:DateTime64(6, 'UTC')}, 'UTC'), minute), {slot:UInt32}))) AS slots,
    sum(calls) AS n
FROM (USES)
WHERE fingerprint IN {fingerprints:Array(UInt64)}
GROUP BY tenant_id, account_id, fingerprint
LIMIT {rows:UInt32}
"""

_ACTIVITY = """
SELECT tenant_id, account_id,
    groupBitOr(bitShiftLeft(toUInt64(1), intDiv(dateDiff('second', toDateTime({start:DateTime64(6, 'UTC')}, 'UTC'), minute), {slot:UInt32}))) AS slots,
    sum(calls) AS n
FROM (USES)
WHERE fingerprint = 0 AND account_id IN {accounts:Array(String)}
GROUP BY tenant_id, account_id
"""

_HEAVY_BY_HOUR = """
SELECT hour, countIf(slots >= {slots:UInt32} AND n >= {calls:UInt32})
FROM (
    SELECT hour, account_id, max(slots) AS slots, max(n) AS n
    FROM (
        SELECT hour, account_id, uniqExact(toStartOfFiveMinutes(minute)) AS slots, sum(calls) AS n
        FROM template_minutes
        WHERE tenant_id = {tenant:String} AND hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}
            AND fingerprint IN {fingerprints:Array(UInt64)}
        GROUP BY hour, account_id, fingerprint % 4
    )
    GROUP BY hour, account_id
)
GROUP BY hour
ORDER BY hour
"""


class Use(msgspec.Struct, frozen=True):
    """An account's use of one fingerprint: a bit for each slot with a call, and the calls."""

    tenant: str
    account: str
    fingerprint: int
    slots: int
    calls: int


class Activity(msgspec.Struct, frozen=True):
    """All of an account's calls with content in the same span."""

    slots: int
    calls: int


class Shared(msgspec.Struct, frozen=True):
    """A fingerprint that several accounts used."""

    tenant: str
    fingerprint: int
    users: int


class Uses(msgspec.Struct, frozen=True):
    """Uses of the candidate fingerprints in one span, and the activity of their users by (tenant, account)."""

    uses: tuple[Use, ...]
    activity: dict[tuple[str, str], Activity]


def _reading(sql: str, end: datetime) -> tuple[str, datetime]:
    """`sql` over whole minutes, and over the begun one where there is one; and where that begins."""
    whole = floor(end, MINUTE)
    return sql.replace("USES", _WHOLE_MINUTES if whole == end else _WHOLE_MINUTES + _BEGUN_MINUTE), whole


def shared_fingerprints(
    telemetry: Telemetry, start: datetime, end: datetime, fresh: datetime, members: int, *, sample: int = 1
) -> list[Shared]:
    """Fingerprints used by at least `members` accounts in [start, end) and once at least since `fresh`.

    Most users first, at most `MAX_CANDIDATES`; of one in `sample` fingerprints only.
    """
    sql, whole = _reading(_SHARED, end)
    rows = telemetry.query(
        sql,
        {
            "whole": whole,
            "members": members,
            "sample": sample,
            "fresh": floor(fresh, MINUTE),
            "candidates": MAX_CANDIDATES,
        },
        start=start,
        end=end,
    )
    return [Shared(*row) for row in rows]


def uses_of(telemetry: Telemetry, shared: Sequence[Shared], start: datetime, end: datetime, slot_s: int) -> Uses:
    """Who used these fingerprints in which slots of [start, end), and what else these accounts did."""
    fingerprints = sorted({one.fingerprint for one in shared})
    sql, whole = _reading(_BY_ACCOUNT, end)
    bounds = {"whole": whole, "slot": slot_s}
    rows = telemetry.query(sql, {**bounds, "fingerprints": fingerprints, "rows": _MAX_ROWS}, start=start, end=end)
    uses = tuple(sorted((Use(*row) for row in rows), key=lambda use: (use.tenant, use.fingerprint, use.account)))
    sql, _ = _reading(_ACTIVITY, end)
    accounts = sorted({use.account for use in uses})
    activity = telemetry.query(sql, {**bounds, "accounts": accounts}, start=start, end=end)
    return Uses(uses, {(tenant, account): Activity(slots, calls) for tenant, account, slots, calls in activity})


def heavy_users_by_hour(
    telemetry: Telemetry, tenant: str, fingerprints: Sequence[int], end: datetime, slots: int, calls: int
) -> dict[datetime, int]:
    """How many accounts worked with these fingerprints (so many 5-minute slots and calls) in each hour before `end`."""
    rows = telemetry.query(
        _HEAVY_BY_HOUR,
        {"tenant": tenant, "fingerprints": sorted(fingerprints), "slots": slots, "calls": calls},
        end=end,
    )
    return {hour: int(users) for hour, users in rows}
