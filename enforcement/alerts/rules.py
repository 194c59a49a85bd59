"""A rule that went quiet, and one that fires too often: each compared with its own last four weeks. Pure.

No distribution is assumed, because incidents come in bursts. Quiet: silent three times as long as its longest silence.
When nothing changed, the present silence is longer than all n earlier ones in one of n + 1 cases; three times as long
is far rarer. Noisy: in the last hour three times its busiest hour, and ten more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

LOOKBACK = timedelta(days=28)
LEAST_DECISIONS = 20
"""Below that nobody knows what is usual."""

_TIMES = 3
_MORE = 10
_SHORTEST_QUIET = timedelta(hours=6)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Finding:
    """A rule that does not behave as it used to."""

    policy: str
    kind: str
    """`quiet` or `noisy`."""
    what: str
    since: datetime


def judge(policy: str, decided: Sequence[datetime], now: datetime) -> Finding | None:
    """What is odd about a rule that decided at these times of the last four weeks; None when nothing is."""
    times = sorted(time for time in decided if now - LOOKBACK <= time <= now)
    if len(times) < LEAST_DECISIONS:
        return None
    silences = [after - before for before, after in pairwise(times)]
    quiet, longest = now - times[-1], max(silences)
    if quiet > _SHORTEST_QUIET and quiet > _TIMES * longest:
        what = (
            f"{policy} decided {len(times)} times in four weeks, never with more than {_span(longest)} in between, and has"
            f" been quiet for {_span(quiet)}"
        )
        return Finding(policy, "quiet", what, times[-1])
    last_hour = [time for time in times if time > now - _HOUR]
    before = Counter((now - time) // _HOUR for time in times if time <= now - _HOUR)
    busiest = max(before.values(), default=0)
    if before and len(last_hour) > _TIMES * busiest + _MORE:
        what = f"{policy} decided {len(last_hour)} times in the last hour; its busiest hour in four weeks had {busiest}"
        return Finding(policy, "noisy", what, last_hour[0])
    return None


def _span(span: timedelta) -> str:
    hours = span / _HOUR
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"
