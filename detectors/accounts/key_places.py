"""From which networks and programs API keys are used, read within the bounds of a window."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

import msgspec

from detectors.schedule import HOUR, floor
from detectors.telemetry_handle import Telemetry

RECENT = timedelta(hours=24)
"""How long a place counts as new to a key."""

ESTABLISHED_HOURS, ESTABLISHED_CALLS = 10, 30
"""Active hours and calls before `RECENT` from which on the habits of a key are known."""

KNOWN_HOURS, KNOWN_CALLS = 5, 10
"""As many say that a key belongs to somebody, which is enough where a crowd turns up."""

MIN_CALLS = 6
"""Calls that answered, from which on a place is used and not only tried."""

_MAX_KEYS = 500_000

# Whole hours from the aggregate, the rest from the events: the last bucket may hold rows after the end of the window.
_PLACES = """
    SELECT tenant_id, api_key_hash, client_asn, user_agent, hour, calls, failures, first_seen, last_seen, account_id, org_id
    FROM key_places
    WHERE hour >= {start:DateTime64(6, 'UTC')} AND hour < {whole:DateTime64(6, 'UTC')}
    UNION ALL
    SELECT tenant_id, api_key_hash, ifNull(events.client_asn, 0) AS client_asn, user_agent, toStartOfHour(event_time) AS hour,
        count() AS calls, countIf(status = 'error') AS failures, min(event_time) AS first_seen, max(event_time) AS last_seen,
        max(account_id) AS account_id, max(org_id) AS org_id
    FROM events
    WHERE event_time >= {whole:DateTime64(6, 'UTC')} AND event_time < {end:DateTime64(6, 'UTC')} AND api_key_hash != ''
    GROUP BY tenant_id, api_key_hash, client_asn, user_agent, hour
"""

# Keys in use from two networks and two programs within the day; the rest cannot show a stranger beside their owner.
_CANDIDATES = f"""
SELECT tenant_id, api_key_hash, client_asn, user_agent, max(account_id), max(org_id),
    sumIf(calls - failures, hour >= {{recent:DateTime64(6, 'UTC')}}),
    sumIf(calls, hour < {{recent:DateTime64(6, 'UTC')}}), uniqExactIf(hour, hour < {{recent:DateTime64(6, 'UTC')}}),
    min(first_seen), max(last_seen)
FROM ({_PLACES})
WHERE (tenant_id, api_key_hash) IN (
    SELECT tenant_id, api_key_hash FROM ({_PLACES})
    WHERE hour >= {{recent:DateTime64(6, 'UTC')}}
    GROUP BY tenant_id, api_key_hash
    HAVING uniqExact(client_asn) > 1 AND uniqExact(user_agent) > 1 AND sum(calls - failures) > {{calls:UInt32}}
    ORDER BY sum(calls) DESC, tenant_id, api_key_hash
    LIMIT {{most:UInt32}}
)
GROUP BY tenant_id, api_key_hash, client_asn, user_agent
ORDER BY tenant_id, api_key_hash, min(first_seen), client_asn, user_agent
"""  # noqa: S608 - made of constants

_OF_ORG = f"""
SELECT DISTINCT client_asn, user_agent FROM ({_PLACES})
WHERE tenant_id = {{tenant:String}} AND org_id = {{org:String}} AND api_key_hash != {{key:String}}
"""  # noqa: S608 - made of constants

# How often an established key takes up a network, a program, or both at once: key-days, and days with each.
_HABITS = """
SELECT tenant_id, count(), countIf(networks > 0), countIf(programs > 0), countIf(boths > 0)
FROM (
    SELECT tenant_id, api_key_hash, day, sumIf(calls, network_born >= day) AS in_new_network,
        sumIf(calls, program_born >= day) AS in_new_program, sumIf(calls, network_born >= day AND program_born >= day) AS in_both,
        in_new_network >= {calls:UInt32} AS networks, in_new_program >= {calls:UInt32} AS programs,
        in_both >= {calls:UInt32} AS boths
    FROM (
        SELECT tenant_id, api_key_hash, client_asn, user_agent, toStartOfDay(hour) AS day, sum(calls) AS calls,
            min(min(first_seen)) OVER (PARTITION BY tenant_id, api_key_hash, client_asn) AS network_born,
            min(min(first_seen)) OVER (PARTITION BY tenant_id, api_key_hash, user_agent) AS program_born
        FROM key_places
        WHERE hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}
            AND cityHash64(api_key_hash) % {sample:UInt32} = 0
        GROUP BY tenant_id, api_key_hash, client_asn, user_agent, day
    ) AS places
    INNER JOIN (
        SELECT tenant_id, api_key_hash, arraySort(groupArray(hour))[{hours:UInt32}] AS established
        FROM (
            SELECT tenant_id, api_key_hash, hour, sum(calls) AS n FROM key_places
            WHERE hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}
                AND cityHash64(api_key_hash) % {sample:UInt32} = 0
            GROUP BY tenant_id, api_key_hash, hour
        )
        GROUP BY tenant_id, api_key_hash
        HAVING count() > {hours:UInt32} AND sum(n) >= {least:UInt32}
    ) AS keys USING (tenant_id, api_key_hash)
    WHERE day > established
    GROUP BY tenant_id, api_key_hash, day
)
GROUP BY tenant_id
ORDER BY tenant_id
"""

_KEYS = """
SELECT uniq(api_key_hash) FROM key_places
WHERE hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}
"""


class Place(msgspec.Struct, frozen=True):
    """One network and program a key is used from. `recent`: answered calls of the last `RECENT`; `before`: all calls
    of the time before that, in so many `hours`."""

    asn: int
    agent: str
    recent: int
    before: int
    hours: int
    first: datetime
    last: datetime


class KeyUse(msgspec.Struct, frozen=True):
    """One key and all places it was used from."""

    tenant: str
    key: str
    account: str
    org: str
    places: tuple[Place, ...]

    @property
    def is_established(self) -> bool:
        """Whether its habits are known."""
        return self._has_past(ESTABLISHED_HOURS, ESTABLISHED_CALLS)

    @property
    def is_known(self) -> bool:
        """Whether it has an owner."""
        return self._has_past(KNOWN_HOURS, KNOWN_CALLS)

    def _has_past(self, hours: int, calls: int) -> bool:
        return (
            sum(place.hours for place in self.places) >= hours and sum(place.before for place in self.places) >= calls
        )


class Habits(msgspec.Struct, frozen=True):
    """Over the days of a tenant's established keys: on how many a key took up a new network, a new program, both."""

    days: int
    networks: int
    programs: int
    both: int

    def p_value(self, everywhere: Habits) -> float:
        """P(a key takes up both on one day) when the two have nothing to do with each other; never less than how often
        both were seen to come together here. Each rate is the larger of this tenant's own and that of all tenants
        (Laplace's rule), so that a small tenant need not wait for weeks and a restless one counts as restless.

        >>> quiet, all_of_them = Habits(200, 0, 0, 0), Habits(999, 9, 4, 0)
        >>> round(quiet.p_value(all_of_them), 8)
        5e-05
        >>> Habits(200, 20, 10, 2).p_value(all_of_them)
        0.01
        """
        total = everywhere.days + 1
        apart = max((everywhere.networks + 1) / total, self.networks / max(self.days, 1)) * max(
            (everywhere.programs + 1) / total, self.programs / max(self.days, 1)
        )
        return min(1.0, max(apart, self.both / max(self.days, 1), everywhere.both / total))


def used_from_several_places(telemetry: Telemetry, end: datetime, limit: int) -> Iterator[KeyUse]:
    """Keys used from at least two networks and two programs in the `RECENT` before `end`; the busiest `limit`."""
    rows = telemetry.query(
        _CANDIDATES,
        {"recent": end - RECENT, "whole": floor(end, HOUR), "calls": MIN_CALLS, "most": limit},
        end=end,
    )
    for (tenant, key), found in groupby(rows, key=lambda row: (row[0], row[1])):
        lines = list(found)
        yield KeyUse(
            tenant,
            key,
            max(line[4] for line in lines),
            max(line[5] for line in lines),
            tuple(Place(asn, agent, int(recent), int(before), int(hours), first, last)
                  for _, _, asn, agent, _, _, recent, before, hours, first, last in lines),
        )  # fmt: skip


def places_of_org(telemetry: Telemetry, use: KeyUse, end: datetime) -> frozenset[tuple[int, str]]:
    """Networks and programs, together, of the other keys of its organisation."""
    if not use.org:
        return frozenset()
    rows = telemetry.query(
        _OF_ORG, {"tenant": use.tenant, "org": use.org, "key": use.key, "whole": floor(end, HOUR)}, end=end
    )
    return frozenset((int(asn), str(agent)) for asn, agent in rows)


def habits(telemetry: Telemetry, end: datetime) -> dict[str, Habits]:
    """The habits of each tenant's keys before `end`; of a fixed sample of keys when there are very many."""
    keys = int(telemetry.query(_KEYS, end=end)[0][0])
    rows = telemetry.query(
        _HABITS,
        {
            "sample": max(1, keys // _MAX_KEYS),
            "calls": MIN_CALLS,
            "hours": ESTABLISHED_HOURS,
            "least": ESTABLISHED_CALLS,
        },
        end=end,
    )
    return {tenant: Habits(*(int(count) for count in counts)) for tenant, *counts in rows}
