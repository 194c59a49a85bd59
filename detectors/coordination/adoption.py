"""Who used which template how persistently: the counts that the ring test reads, from ClickHouse's aggregates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from detectors.coordination.resemblance import read_mere_phrases
from detectors.telemetry_handle import Telemetry


@dataclass(frozen=True)
class Scale:
    """One time scale: a window cut into buckets. A user of a template who comes back to it in `min_buckets` buckets
    and at least `min_calls` times is persistent: one sitting does not make one."""

    name: str
    window: timedelta
    bucket: timedelta
    min_buckets: int
    min_calls: int

    @property
    def bucket_s(self) -> int:
        """Seconds of one bucket."""
        return int(self.bucket.total_seconds())


@dataclass(frozen=True)
class Use:
    """One account's use of one template in a window. `buckets` are numbers of the scale's grid."""

    calls: int
    buckets: frozenset[int]

    def is_persistent(self, scale: Scale) -> bool:
        """Whether it came back often enough."""
        return self.calls >= scale.min_calls and len(self.buckets) >= scale.min_buckets


@dataclass(frozen=True)
class Activity:
    """All calls with content of one tenant in a window: buckets and calls by account, active accounts by bucket."""

    buckets: Mapping[str, frozenset[int]]
    calls: Mapping[str, int]
    active: Mapping[int, int]
    accounts: int
    """Distinct accounts of the tenant with content in the window."""


_NETWORK_WINDOW = timedelta(days=1)
_BEGINNING_SPAN = timedelta(minutes=30)

MAX_TEMPLATES = 400
"""Templates judged in one look, most calls first; how many were left out is noted."""

# In `template_minutes` the two low bits say what a fingerprint is of; up to 3 it is of no template.
_CANDIDATES = """
SELECT tenant_id, fingerprint, account_id, sum(uses), groupUniqArrayArray(buckets)
FROM (
    SELECT tenant_id, fingerprint, account_id, sum(calls) AS uses,
           groupUniqArray(intDiv(toUnixTimestamp(minute), {bucket:UInt32})) AS buckets
    FROM template_minutes
    WHERE hour >= toStartOfHour({start:DateTime64(6, 'UTC')}) AND hour < {end:DateTime64(6, 'UTC')}
        AND minute >= {start:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
        AND (tenant_id, fingerprint) IN (
            SELECT tenant_id, fingerprint FROM (
                SELECT tenant_id, fingerprint, account_id, sum(calls) AS uses,
                       uniqExact(intDiv(toUnixTimestamp(minute), {bucket:UInt32})) AS visits,
                       max(minute) AS latest
                FROM template_minutes
                WHERE hour >= toStartOfHour({start:DateTime64(6, 'UTC')}) AND hour < {end:DateTime64(6, 'UTC')}
                    AND minute >= {start:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
                    AND fingerprint > 3
                    AND (tenant_id, fingerprint) IN (
                        SELECT tenant_id, fingerprint FROM template_minutes
                        WHERE hour >= toStartOfHour({fresh:DateTime64(6, 'UTC')}) AND hour < {end:DateTime64(6, 'UTC')}
                            AND minute >= {fresh:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
                            AND fingerprint > 3
                    )
                GROUP BY tenant_id, fingerprint, account_id
            )
            GROUP BY tenant_id, fingerprint
            HAVING countIf(uses >= {calls:UInt32} AND visits >= {visits:UInt32}) >= {members:UInt32}
            ORDER BY sum(uses) DESC, tenant_id, fingerprint
            LIMIT {templates:UInt32}
        )
    GROUP BY tenant_id, fingerprint, account_id
)
GROUP BY tenant_id, fingerprint, account_id
ORDER BY tenant_id, fingerprint, account_id
"""

_ACTIVITY = """
SELECT account_id, sum(calls), groupUniqArray(intDiv(toUnixTimestamp(minute), {bucket:UInt32}))
FROM template_minutes
WHERE tenant_id = {tenant:String} AND fingerprint = 0 AND account_id IN {accounts:Array(String)}
    AND hour >= toStartOfHour({start:DateTime64(6, 'UTC')}) AND hour < {end:DateTime64(6, 'UTC')}
    AND minute >= {start:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
GROUP BY account_id
"""

_ACTIVE = """
SELECT intDiv(toUnixTimestamp(minute), {bucket:UInt32}) AS bucket, uniqExact(account_id)
FROM template_minutes
WHERE tenant_id = {tenant:String} AND fingerprint = 0
    AND hour >= toStartOfHour({start:DateTime64(6, 'UTC')}) AND hour < {end:DateTime64(6, 'UTC')}
    AND minute >= {start:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
GROUP BY bucket
"""

_ACCOUNTS = """
SELECT uniqExact(account_id) FROM template_minutes
WHERE tenant_id = {tenant:String} AND fingerprint = 0
    AND hour >= toStartOfHour({start:DateTime64(6, 'UTC')}) AND hour < {end:DateTime64(6, 'UTC')}
    AND minute >= {start:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
"""

_PERSISTENCE = """
SELECT period, tenant_id, count(), sum(users), sum(persistent) FROM (
    SELECT period, tenant_id, fingerprint, count() AS users,
           countIf(uses >= {calls:UInt32} AND visits >= {visits:UInt32}) AS persistent
    FROM (
        SELECT intDiv(toUnixTimestamp(minute), {period:UInt32}) AS period, tenant_id, fingerprint, account_id,
               sum(calls) AS uses, uniqExact(intDiv(toUnixTimestamp(minute), {bucket:UInt32})) AS visits
        FROM template_minutes
        WHERE hour >= toStartOfHour({start:DateTime64(6, 'UTC')}) AND hour < {end:DateTime64(6, 'UTC')}
            AND minute >= {start:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
            AND fingerprint > 3 AND intDiv(fingerprint, 4) % {modulo:UInt32} = 0
        GROUP BY period, tenant_id, fingerprint, account_id
    )
    GROUP BY period, tenant_id, fingerprint
    HAVING users >= 2
)
GROUP BY period, tenant_id
"""

_VOLUME = """
SELECT sum(calls) FROM source_minutes
WHERE minute >= {start:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
"""

_ORGANISATIONS = """
SELECT account_id, max(org_id) FROM account_hours
WHERE tenant_id = {tenant:String} AND account_id IN {accounts:Array(String)}
    AND hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}
GROUP BY account_id HAVING max(org_id) != ''
"""

_NETWORKS = """
SELECT client_prefix_hash, groupUniqArrayIf(account_id, account_id IN {accounts:Array(String)}), uniqExact(account_id)
FROM events
WHERE tenant_id = {tenant:String} AND event_time >= {start:DateTime64(6, 'UTC')} AND event_time < {end:DateTime64(6, 'UTC')}
    AND client_prefix_hash IN (
        SELECT client_prefix_hash FROM events
        WHERE tenant_id = {tenant:String} AND account_id IN {accounts:Array(String)} AND client_prefix_hash != ''
            AND event_time >= {start:DateTime64(6, 'UTC')} AND event_time < {end:DateTime64(6, 'UTC')}
    )
GROUP BY client_prefix_hash
"""

_BEGINNING = """
SELECT min(minute) FROM template_minutes
WHERE tenant_id = {tenant:String} AND fingerprint = 0
    AND hour >= toStartOfHour({start:DateTime64(6, 'UTC')}) AND hour < {end:DateTime64(6, 'UTC')}
    AND minute >= {start:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
"""

_EARLIER = """
SELECT uniqExact(account_id) FROM template_minutes
WHERE tenant_id = {tenant:String} AND fingerprint IN {templates:Array(UInt64)}
    AND hour >= toStartOfHour({start:DateTime64(6, 'UTC')}) AND hour < {end:DateTime64(6, 'UTC')}
    AND minute >= {start:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
"""

_EVIDENCE = """
SELECT toString(event_id) FROM events
WHERE tenant_id = {tenant:String} AND account_id IN {accounts:Array(String)}
    AND event_time >= {start:DateTime64(6, 'UTC')} AND event_time < {end:DateTime64(6, 'UTC')}
    AND (
        has({templates:Array(UInt64)}, bitOr(bitAnd(template_fingerprint, bitNot(toUInt64(3))), 1))
        OR arrayExists(
            (band, number) -> has({templates:Array(UInt64)}, bitOr(bitAnd(band, bitNot(toUInt64(3))), number + 1)),
            template_bands, arrayEnumerate(template_bands)
        )
    )
ORDER BY event_time DESC, event_id
LIMIT {each:UInt32} BY account_id
LIMIT 20
"""

Templates = dict[tuple[str, int], dict[str, Use]]


def read_templates(telemetry: Telemetry, scale: Scale, fresh: datetime, end: datetime, min_members: int) -> Templates:
    """Users of every template that was used since `fresh` and has `min_members` persistent users in the window of
    `scale` before `end`, by (tenant, fingerprint) and account. A phrase that different texts share is no template."""
    rows = telemetry.query(
        _CANDIDATES,
        {
            "bucket": scale.bucket_s,
            "fresh": fresh,
            "calls": scale.min_calls,
            "visits": scale.min_buckets,
            "members": min_members,
            "templates": MAX_TEMPLATES,
        },
        start=end - scale.window,
        end=end,
    )
    found: defaultdict[tuple[str, int], dict[str, Use]] = defaultdict(dict)
    for tenant, fingerprint, account, calls, buckets in rows:
        found[tenant, fingerprint][account] = Use(calls, frozenset(buckets))
    persistent = {
        key: [account for account, use in users.items() if use.is_persistent(scale)] for key, users in found.items()
    }
    phrases = read_mere_phrases(telemetry, end - scale.window, end, persistent)
    return {key: users for key, users in found.items() if key not in phrases}


def read_activity(telemetry: Telemetry, scale: Scale, end: datetime, tenant: str, accounts: Sequence[str]) -> Activity:
    """What `accounts` did in all, and how many accounts of the tenant were active in each bucket."""
    start = end - scale.window
    params = {"bucket": scale.bucket_s, "tenant": tenant}
    rows = telemetry.query(_ACTIVITY, {**params, "accounts": sorted(accounts)}, start=start, end=end)
    active = telemetry.query(_ACTIVE, params, start=start, end=end)
    ((count,),) = telemetry.query(_ACCOUNTS, {"tenant": tenant}, start=start, end=end)
    return Activity(
        {account: frozenset(buckets) for account, _, buckets in rows},
        {account: calls for account, calls, _ in rows},
        dict(active),
        count,
    )


class Persistence(msgspec.Struct, frozen=True):
    """What is usual on a platform in one period: templates with two users or more, their users, and how many of these
    were persistent. Templates are a sample by fingerprint where there are very many; `templates` is scaled up."""

    templates: int
    users: int
    persistent: int


MAX_SAMPLED_CALLS = 2_000_000
"""Calls of which the templates are counted in full; of more, a share of the templates."""


def read_persistence(
    telemetry: Telemetry, scale: Scale, start: datetime, end: datetime
) -> dict[tuple[int, str], Persistence]:
    """By period (number of windows of `scale` since 1970) and tenant, for the whole periods in [start, end)."""
    ((calls,),) = telemetry.query(_VOLUME, start=start, end=end)
    modulo = 1 + calls // MAX_SAMPLED_CALLS
    rows = telemetry.query(
        _PERSISTENCE,
        {
            "period": int(scale.window.total_seconds()),
            "bucket": scale.bucket_s,
            "calls": scale.min_calls,
            "visits": scale.min_buckets,
            "modulo": modulo,
        },
        start=start,
        end=end,
    )
    return {
        (period, tenant): Persistence(templates * modulo, users, persistent)
        for period, tenant, templates, users, persistent in rows
    }


def read_organisations(telemetry: Telemetry, end: datetime, tenant: str, accounts: Sequence[str]) -> dict[str, str]:
    """The organisation of each account that has one."""
    return dict(telemetry.query(_ORGANISATIONS, {"tenant": tenant, "accounts": sorted(accounts)}, end=end))


def read_networks(
    telemetry: Telemetry, end: datetime, tenant: str, accounts: Sequence[str]
) -> list[tuple[str, list[str], int]]:
    """(prefix, which of `accounts` use it, how many accounts use it in all) in the day before `end`."""
    params = {"tenant": tenant, "accounts": sorted(accounts)}
    return [
        (prefix, sorted(members), everybody)
        for prefix, members, everybody in telemetry.query(_NETWORKS, params, start=end - _NETWORK_WINDOW, end=end)
    ]


def read_earlier_users(telemetry: Telemetry, until: datetime, tenant: str, templates: Sequence[int]) -> int:
    """How many accounts used the templates in the lookback, before `until`.

    Where monitoring began later than that, what was in use in its first minutes is no news either: nobody can say
    whether it is an application's of old.
    """
    ((beginning,),) = telemetry.query(_BEGINNING, {"tenant": tenant})
    until = min(max(until, beginning + _BEGINNING_SPAN), telemetry.end)
    ((users,),) = telemetry.query(_EARLIER, {"tenant": tenant, "templates": sorted(templates)}, end=until)
    return int(users)


def read_evidence(
    telemetry: Telemetry, scale: Scale, end: datetime, tenant: str, accounts: Sequence[str], templates: Sequence[int]
) -> tuple[str, ...]:
    """Up to 20 ids of calls with these templates, the newest of each account."""
    params = {
        "tenant": tenant,
        "accounts": sorted(accounts),
        "templates": sorted(templates),
        "each": max(1, 20 // len(accounts)),
    }
    return tuple(event for (event,) in telemetry.query(_EVIDENCE, params, start=end - scale.window, end=end))
