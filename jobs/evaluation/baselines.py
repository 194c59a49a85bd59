"""What a simple rule would have found in the same traffic: the figures that detectors must beat.

Each rule has one threshold. It is set on the quiet beginning of the run, to the lowest value at which the rule is wrong
at most `FALSE_PER_1000_ACCOUNT_DAYS` times there; so the rules are given what a person on site would tune by hand.
Rules do not say what is wrong: any alarm that speaks of an attack finds it, whatever its kind. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from sklearn.ensemble import IsolationForest

from jobs.evaluation.observations import HOUR, Account, Observations
from jobs.evaluation.verdicts import Named, Verdict
from vigil.signal import Severity, SubjectType

FALSE_PER_1000_ACCOUNT_DAYS = 1.0
DAY = timedelta(days=1)
_CROWD = 2
_FITTED_ROWS = 20_000


def rate_threshold(seen: Observations, quiet_until: datetime) -> list[Verdict]:
    """More calls in an hour than a limit that is the same for all accounts; alarms at the call that exceeds it."""
    counts = {place: float(len(hour.times)) for place, hour in seen.hours.items()}
    limit = _limit(counts, quiet_until, _allowed(seen, quiet_until))
    alarms = (
        (seen.hours[place].times[int(limit)], place[0], count / max(limit, 1.0))
        for place, count in counts.items()
        if count > limit
    )
    return _verdicts("rate_threshold", alarms)


def isolation_forest(seen: Observations, quiet_until: datetime) -> list[Verdict]:
    """An isolation forest over the features of account-hours, fitted to the quiet beginning; alarms as the hour ends."""
    places = list(seen.hours)
    rows = np.array([seen.hours[place].features() for place in places])
    quiet = np.array([place[1] < quiet_until for place in places])
    if not quiet.any():
        return []
    forest = IsolationForest(n_estimators=100, random_state=0).fit(rows[quiet][:_FITTED_ROWS])
    scores = dict(zip(places, (-forest.score_samples(rows)).tolist(), strict=True))
    limit = _limit(scores, quiet_until, _allowed(seen, quiet_until))
    alarms = ((place[1] + HOUR, place[0], score) for place, score in scores.items() if score > limit)
    return _verdicts("isolation_forest", alarms)


def identical_prompts(seen: Observations, quiet_until: datetime) -> list[Verdict]:
    """The same prompt from so many accounts of a tenant within 24 hours; alarms at the account that completes them."""
    reached: list[tuple[datetime, int]] = []
    for uses in seen.prompts.values():
        crowd = max((size for at, size, _ in _crowds(uses) if at < quiet_until), default=0)
        if crowd >= _CROWD:
            reached.append((uses[0][0], crowd))
    allowed = _allowed(seen, quiet_until)
    limit = _CROWD
    while sum(size > limit for _, size in reached) > allowed:
        limit += 1
    verdicts = []
    for (tenant, digest), uses in seen.prompts.items():
        found = [(at, accounts) for at, size, accounts in _crowds(uses) if size > limit]
        if found:
            accounts = frozenset[str]().union(*(members for _, members in found))
            verdicts.append(
                Verdict(
                    ref=f"identical_prompts-{tenant}-{digest.hex()}",
                    at=found[0][0],
                    tenant_id=tenant,
                    kind=None,
                    severity=Severity.MEDIUM,
                    start=found[0][0] - DAY,
                    end=found[-1][0] + HOUR,
                    subjects=tuple(Named(SubjectType.ACCOUNT, account) for account in sorted(accounts)),
                    detectors=("identical_prompts",),
                    strength=float(len(accounts)),
                )
            )
    return sorted(verdicts, key=lambda one: (one.at, one.ref))


BASELINES: Mapping[str, Callable[[Observations, datetime], list[Verdict]]] = {
    "rate_threshold": rate_threshold,
    "identical_prompts": identical_prompts,
    "isolation_forest": isolation_forest,
}


def _allowed(seen: Observations, quiet_until: datetime) -> float:
    return FALSE_PER_1000_ACCOUNT_DAYS * seen.account_days(quiet_until) / 1000


def _limit(values: Mapping[tuple[Account, datetime], float], quiet_until: datetime, allowed: float) -> float:
    """The lowest limit that at most `allowed` pairs of account and day exceed before `quiet_until`."""
    worst: dict[tuple[Account, int], float] = {}
    for (account, hour), value in values.items():
        if hour < quiet_until:
            place = (account, hour.toordinal())
            worst[place] = max(worst.get(place, value), value)
    ranked = sorted(worst.values(), reverse=True)
    return ranked[min(int(allowed), len(ranked) - 1)] if ranked else float("inf")


def _crowds(uses: Sequence[tuple[datetime, str]]) -> Iterable[tuple[datetime, int, frozenset[str]]]:
    """At each use of a prompt: when, how many accounts used it in the 24 hours up to then, which."""
    last: dict[str, datetime] = {}
    for at, account in uses:
        last[account] = at
        if len(last) >= _CROWD:
            recent = frozenset(one for one, moment in last.items() if moment > at - DAY)
            yield at, len(recent), recent


def _verdicts(name: str, alarms: Iterable[tuple[datetime, Account, float]]) -> list[Verdict]:
    """Alarms as verdicts, one a day and account: the first, with the strength of the strongest."""
    grouped: dict[Account, list[list[tuple[datetime, float]]]] = {}
    for at, account, excess in sorted(alarms):
        days = grouped.setdefault(account, [])
        if not days or at >= days[-1][0][0] + DAY:
            days.append([])
        days[-1].append((at, excess))
    verdicts = [
        Verdict(
            ref=f"{name}-{account}-{day[0][0]:%Y%m%dT%H%M}",
            at=day[0][0],
            tenant_id=tenant,
            kind=None,
            severity=Severity.MEDIUM,
            start=day[0][0] - HOUR,
            end=day[-1][0] + timedelta(microseconds=1),
            subjects=(Named(SubjectType.ACCOUNT, account),),
            detectors=(name,),
            strength=max(excess for _, excess in day),
        )
        for (tenant, account), days in grouped.items()
        for day in days
    ]
    return sorted(verdicts, key=lambda one: (one.at, one.ref))
