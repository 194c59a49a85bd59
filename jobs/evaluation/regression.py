"""Whether detection got worse than it was, beyond what chance explains. Pure.

A plan is the same traffic each time, so instances are compared in pairs; counts by the test of two Poisson rates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from jobs.evaluation.intervals import more_lost_than_won, rose
from jobs.evaluation.scoring import InstanceScore, RunScore

SIGNIFICANT = 0.05
SLOWER = 1.5
"""A delay counts as longer when it has grown by half, and by a minute."""
SLOWER_BY_S = 60.0


class Committed(msgspec.Struct, frozen=True):
    """The last result of a plan, as it is kept in the repository."""

    plan: str
    runs: tuple[RunScore, ...]


def regressions(before: Sequence[RunScore], now: Sequence[RunScore]) -> list[str]:
    """What got worse, one sentence each. Runs that only one of the two has are left out."""
    shared = {run.name for run in before} & {run.name for run in now}
    then = [run for run in before if run.name in shared]
    here = [run for run in now if run.name in shared]
    return [*_lost(then, here), *_slower(then, here), *_more(then, here)]


def _lost(before: Sequence[RunScore], now: Sequence[RunScore]) -> Iterator[str]:
    pairs = list(_pairs(before, now))
    lost = [old for old, new in pairs if old.found and not new.found]
    won = [new for old, new in pairs if new.found and not old.found]
    if more_lost_than_won(len(lost), len(won)) < SIGNIFICANT:
        names = ", ".join(sorted({one.scenario for one in lost}))
        yield f"{len(lost)} instances are no longer found and {len(won)} are found newly: {names}"
    for scenario in sorted({old.scenario for old, _ in pairs}):
        some = [(old.found, new.found) for old, new in pairs if old.scenario == scenario]
        if all(old for old, _ in some) and not any(new for _, new in some):
            yield f"{scenario}: all {len(some)} instances were found, and none is now"


def _slower(before: Sequence[RunScore], now: Sequence[RunScore]) -> Iterator[str]:
    delays = [
        (old.delay_s, new.delay_s)
        for old, new in _pairs(before, now)
        if old.delay_s is not None and new.delay_s is not None
    ]
    slower = sum(new > max(SLOWER * old, old + SLOWER_BY_S) for old, new in delays)
    faster = sum(old > max(SLOWER * new, new + SLOWER_BY_S) for old, new in delays)
    if more_lost_than_won(slower, faster) < SIGNIFICANT:
        yield f"{slower} instances are found later by half and {faster} sooner"


def _more(before: Sequence[RunScore], now: Sequence[RunScore]) -> Iterator[str]:
    days_before = sum(run.account_days for run in before)
    days_now = sum(run.account_days for run in now)
    counts = {
        "false incidents": [sum(len(run.false_incidents) for run in runs) for runs in (before, now)],
        "incidents about harmless look-alikes": [
            sum(len(one.violations) for run in runs for one in run.instances) for runs in (before, now)
        ],
        "accounts acted upon wrongly": [sum(len(run.wrongly_acted) for run in runs) for runs in (before, now)],
    }
    for what, (then, here) in counts.items():
        if rose(then, days_before, here, days_now) < SIGNIFICANT:
            yield f"{what}: {here} in {days_now:,} account-days, {then} in {days_before:,} before"


def _pairs(before: Sequence[RunScore], now: Sequence[RunScore]) -> Iterator[tuple[InstanceScore, InstanceScore]]:
    """The attacks of both, by run and instance."""
    old = {(run.name, one.instance_id): one for run in before for one in run.instances}
    for run in now:
        for one in run.instances:
            if not one.lookalike and (run.name, one.instance_id) in old:
                yield old[run.name, one.instance_id], one
