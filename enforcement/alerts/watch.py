"""What vigil pages about itself: rules that changed their behaviour, and detectors that are sick."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from enforcement import pages
from enforcement.alerts.rules import LOOKBACK, Finding, judge
from enforcement.health import Health
from enforcement.spans import is_simulated
from vigil.clock import Clock
from vigil.effect import EffectKind
from vigil.record import Record
from vigil.record.schema import actions, detector_runs

_DETECTORS = "detectors"


class Watch:
    """Looks at the record's own history. On a simulated clock nobody is to be woken, and nothing is done."""

    def __init__(self, record: Record, clock: Clock) -> None:
        self._record = record
        self._clock = clock

    def run_once(self) -> int:
        """One look; returns the number of pages put out."""
        if is_simulated(self._clock):
            return 0
        now = self._clock.now()
        with self._record.read() as connection:
            odd, sick = _odd_rules(connection, now), _sick_detectors(connection, now)
        if not odd and not sick:
            return 0
        with self._record.write() as connection:
            paged = sum(_page_rule(connection, finding, now) for finding in odd)
            return paged + (_page_detectors(connection, sick, now) if sick else 0)


def _odd_rules(connection: Connection, now: datetime) -> list[Finding]:
    query = select(actions.c.policy, actions.c.at).where(
        actions.c.at >= now - LOOKBACK,
        actions.c.policy != pages.SYSTEM,
        actions.c.effect.not_in([EffectKind.PAGE.value, EffectKind.LIFT.value]),
    )
    times: dict[str, list[datetime]] = {}
    for policy, at in connection.execute(query):
        times.setdefault(policy, []).append(at)
    found = (judge(policy, decided, now) for policy, decided in sorted(times.items()))
    return [finding for finding in found if finding is not None]


def _sick_detectors(connection: Connection, now: datetime) -> dict[str, str]:
    names = connection.execute(select(detector_runs.c.detector).distinct()).scalars().all()
    return dict(Health(connection, now).sick(sorted(names)))


def _page_rule(connection: Connection, finding: Finding, now: datetime) -> int:
    is_quiet = finding.kind == "quiet"
    return int(
        pages.warn(
            connection,
            now,
            key=("rule", finding.kind, finding.policy),
            target=pages.itself(pages.SYSTEM),
            title=f"the rule {finding.policy} went quiet" if is_quiet else f"the rule {finding.policy} fires too often",
            what=finding.what,
            who=f"policy {finding.policy}",
            how_sure="compared with its own last four weeks only: a quiet week can be a good one"
            if is_quiet
            else "compared with its own last four weeks only: an attack looks like this too",
            since=finding.since,
            done="nothing; its decisions stand"
            if is_quiet
            else "its budget holds what is above it, if it has one; decisions stand",
            do_now="check with `vigil jobs list` that detectors run, and `vigil policies explain` on a recent incident: a changed "
            "field or threshold silences a rule without an error"
            if is_quiet
            else f"look at `vigil actions list --policy {finding.policy}`; if it is wrong, stop it with `vigil policies "
            f"kill-switch set --policy {finding.policy} --for 4h --reason …` and take it back with `vigil actions undo`",
            repeats=True,
        )
    )


def _page_detectors(connection: Connection, sick: dict[str, str], now: datetime) -> int:
    named = "; ".join(f"{name} {why}" for name, why in sorted(sick.items())[:5])
    more = f" and {len(sick) - 5} more" if len(sick) > 5 else ""
    return int(
        pages.warn(
            connection,
            now,
            key=(_DETECTORS, "sick", *sorted(sick)),
            target=pages.itself(pages.SYSTEM),
            title=f"{len(sick)} detector(s) are sick",
            what=f"{named}{more}",
            who=", ".join(sorted(sick)[:5]),
            how_sure="certain: it is what their own runs say",
            since=now,
            done="suspensions and bans that rest on them are held for a person; throttles go on",
            do_now="read the error with `vigil jobs list` and in the log of `vigil jobs`; new abuse of their kind goes unseen",
            repeats=True,
        )
    )
