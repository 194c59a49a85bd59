"""Accounts that were made in series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
from scipy.stats import binom

from detectors.base import Detector, Need
from detectors.calibration.levels import population_level
from detectors.registry import register
from detectors.state import State
from detectors.telemetry_handle import Telemetry
from vigil.ids import digest
from vigil.signal import IncidentKind, Severity, Signal, Subject, SubjectType, Window

_DAY = timedelta(days=1)
_LOOKS_PER_DAY = 3.0
"""Days that end every ten minutes overlap; their smallest p-value is that of about three that do not."""

_LEAST_MEMBERS = 8
_OWN_ORGS = 0.8
_LEAST_ON_PREFIX = 3
_MOST_DOMAINS = 1_000
_MOST_MEMBERS = 500
_GROWN = 1.25
_MAX_SAID = 2_000

# Of the day: young accounts by mail domain, with those of an organisation of their own.
_BORN = """
SELECT tenant_id, email_domain, uniqExact(account_id) AS accounts, uniqExact(org_id),
    sum(accounts) OVER (PARTITION BY tenant_id)
FROM account_births
WHERE created_at >= {day:DateTime64(6, 'UTC')} AND created_at < {end:DateTime64(6, 'UTC')}
    AND first_seen >= {start:DateTime64(6, 'UTC')} AND first_seen < {end:DateTime64(6, 'UTC')}
GROUP BY tenant_id, email_domain
ORDER BY accounts DESC, tenant_id, email_domain
LIMIT {domains:UInt32}
"""

# The accounts that are older, by mail domain: what the day's new ones would look like if they came as those did.
_OLDER = """
SELECT tenant_id, sum(accounts), groupArrayIf((email_domain, accounts), email_domain IN {domains:Array(String)})
FROM (
    SELECT tenant_id, email_domain, uniqExact(account_id) AS accounts
    FROM events
    WHERE event_time >= {start:DateTime64(6, 'UTC')} AND event_time < {end:DateTime64(6, 'UTC')}
        AND (account_created_at IS NULL OR account_created_at < {start:DateTime64(6, 'UTC')})
    GROUP BY tenant_id, email_domain
)
GROUP BY tenant_id
"""

_ACTIVE = """
SELECT tenant_id, uniq(account_id) FROM account_hours
WHERE hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}
GROUP BY tenant_id
"""

_MEMBERS = """
SELECT account_id, min(event_time), count(), max(client_prefix_hash), max(user_agent)
FROM events
WHERE event_time >= {start:DateTime64(6, 'UTC')} AND event_time < {end:DateTime64(6, 'UTC')}
    AND tenant_id = {tenant:String} AND email_domain = {domain:String}
    AND account_created_at >= {start:DateTime64(6, 'UTC')}
GROUP BY account_id
ORDER BY account_id
LIMIT {members:UInt32}
"""

_ON_PREFIXES = """
SELECT client_prefix_hash, uniqExact(account_id), any(total)
FROM events, (
    SELECT uniqExact(account_id) AS total FROM events
    WHERE event_time >= {start:DateTime64(6, 'UTC')} AND event_time < {end:DateTime64(6, 'UTC')}
        AND tenant_id = {tenant:String} AND email_domain != {domain:String}
) AS everybody
WHERE event_time >= {start:DateTime64(6, 'UTC')} AND event_time < {end:DateTime64(6, 'UTC')}
    AND tenant_id = {tenant:String} AND email_domain != {domain:String} AND client_prefix_hash IN {prefixes:Array(String)}
GROUP BY client_prefix_hash
"""


class _Member(msgspec.Struct, frozen=True):
    """A young account, its first call, its calls, and a place they come from."""

    account: str
    first: datetime
    calls: int
    prefix: str
    agent: str


class _Said(msgspec.Struct, frozen=True):
    """How many members were said, and when."""

    members: int
    at: datetime


class _Series(msgspec.Struct, frozen=True):
    """Young accounts of one mail domain, of so many in the tenant, and how rare their number and their places are."""

    tenant: str
    domain: str
    members: tuple[_Member, ...]
    born: int
    expected: float
    p_number: float
    p_places: float

    @property
    def p_value(self) -> float:
        """Both must be rare."""
        return max(self.p_number, self.p_places)


@register
class AccountFarm(Detector):
    """Many accounts made within a day under one mail domain, each an organisation of its own, called from few places.

    Number: how many of the day's new accounts of the tenant have the domain, against its share of the older accounts
    that are active (binomial; a domain never seen before counts as one account). Places: how many of them come
    from the prefix most of them share, against how many of the tenant's other accounts do. Both must be rarer than the
    budget allows. A company or a school that signs up its people has one organisation and is left alone; people of a
    mail provider come from everywhere.

    Needs the time of making, the mail domain and addresses; no content.
    """

    name, version, family = "account_farm", "1", "accounts"
    cadence, lookback = timedelta(minutes=10), timedelta(days=28)
    kinds = (IncidentKind.COORDINATED_RING,)
    needs = frozenset({Need.ADDRESSES})

    def detect(self, window: Window, telemetry: Telemetry, state: State) -> Iterator[Signal]:
        day = window.end - _DAY
        _forget(state, window.end - 2 * _DAY)
        born = telemetry.query(_BORN, {"day": day, "domains": _MOST_DOMAINS}, end=window.end)
        many = [
            (tenant, domain, int(accounts), int(total))
            for tenant, domain, accounts, orgs, total in born
            if domain and accounts >= _LEAST_MEMBERS and orgs >= _OWN_ORGS * accounts
        ]
        if not many:
            return
        older = {
            tenant: (int(accounts), dict(of_domain))
            for tenant, accounts, of_domain in telemetry.query(
                _OLDER, {"domains": sorted({domain for _, domain, _, _ in many})}, start=day, end=window.end
            )
        }
        active = dict(telemetry.query(_ACTIVE, start=day, end=window.end))
        for tenant, domain, accounts, total in sorted(many):
            population, of_domain = older.get(tenant, (0, {}))
            share = (of_domain.get(domain, 0) + 1) / (population + 1)
            p_number = float(binom.sf(accounts - 1, total, share))
            tests = _LOOKS_PER_DAY * max(1, sum(1 for row in born if row[0] == tenant))
            level = population_level(self.budget, int(active.get(tenant, 0)), tests)
            if p_number > level:
                continue
            series = _look_at(telemetry, tenant, domain, day, window.end, total, total * share, p_number)
            if series is None or series.p_value > level:
                state.note("from_everywhere", 1 + state.notes.get("from_everywhere", 0))
                continue
            key = "said:" + digest(tenant, domain)
            said = state.get(key, _Said)
            if said is not None and len(series.members) < _GROWN * said.members:
                continue
            state.put(key, _Said(len(series.members), window.end))
            yield self._signal(series, Window(day, window.end))

    def _signal(self, series: _Series, window: Window) -> Signal:
        members = series.members
        prefixes = Counter(member.prefix for member in members)
        first = min(member.first for member in members)
        calls = sorted(member.calls for member in members)
        return Signal(
            detector=self.name,
            version=self.version,
            family=self.family,
            kind=IncidentKind.COORDINATED_RING,
            severity=Severity.HIGH if len(members) >= 2 * _LEAST_MEMBERS else Severity.MEDIUM,
            tenant_id=series.tenant,
            key="farm:" + series.domain,
            window=Window(first, window.end),
            subjects=tuple(
                Subject(SubjectType.ACCOUNT, member.account, 0.95 if prefixes[member.prefix] >= _LEAST_ON_PREFIX else 0.6)
                for member in sorted(members, key=lambda member: (-prefixes[member.prefix], member.account))
            ),
            title=f"{len(members)} accounts of {series.domain} were made in series",
            summary=(
                f"Of {series.born:,} accounts made within the day before {window.end:%Y-%m-%d %H:%M} UTC {len(members)} have"
                f" addresses at {series.domain}, where {series.expected:.1f} were to be expected, each an organisation of"
                f" its own, and they come from {len(prefixes)} network prefix(es) (p = {series.p_value:.1g}). They make"
                f" {calls[len(calls) // 2]:,} calls each (median). If they are on a free quota, stop it for the domain and look at"
                " how they signed up."
            ),
            score=0.95,
            effect_size=len(members) / max(series.expected, 0.01),
            p_value=series.p_value,
            facts={
                "pattern": "account_farm",
                "domain": series.domain,
                "accounts": len(members),
                "born_in_tenant": series.born,
                "expected": round(series.expected, 3),
                "prefixes": len(prefixes),
                "agents": len({member.agent for member in members}),
                "median_calls": calls[len(calls) // 2],
                "most_calls": calls[-1],
                "p_number": series.p_number,
                "p_places": series.p_places,
            },
        )  # fmt: skip


def _forget(state: State, before: datetime) -> None:
    """Drop what was said of series that are over, the oldest first when there is too much."""
    said = {key: found for key in state.keys("said:") if (found := state.get(key, _Said)) is not None}
    for number, key in enumerate(sorted(said, key=lambda key: (said[key].at, key))):
        if said[key].at < before or len(said) - number > _MAX_SAID:
            state.forget(key)


def _look_at(
    telemetry: Telemetry,
    tenant: str,
    domain: str,
    day: datetime,
    end: datetime,
    born: int,
    expected: float,
    p_number: float,
) -> _Series | None:
    """The young accounts of a domain and the places they share; None when they share none."""
    rows = telemetry.query(_MEMBERS, {"tenant": tenant, "domain": domain, "members": _MOST_MEMBERS}, start=day, end=end)
    members = tuple(_Member(account, first, int(calls), prefix, agent) for account, first, calls, prefix, agent in rows)
    shared = Counter(member.prefix for member in members if member.prefix)
    prefixes = sorted(prefix for prefix, count in shared.items() if count >= _LEAST_ON_PREFIX)
    if len(members) < _LEAST_MEMBERS or not prefixes:
        return None
    others = telemetry.query(
        _ON_PREFIXES, {"tenant": tenant, "domain": domain, "prefixes": prefixes}, start=day, end=end
    )
    on_prefix = {prefix: (int(accounts), int(total)) for prefix, accounts, total in others}
    everybody = max((total for _, total in on_prefix.values()), default=born)
    p_places = min(
        1.0,
        len(shared)
        * min(
            float(binom.sf(shared[prefix] - 1, len(members), (on_prefix.get(prefix, (0, 0))[0] + 1) / (everybody + 1)))
            for prefix in prefixes
        ),
    )
    return _Series(tenant, domain, members, born, expected, p_number, p_places)
