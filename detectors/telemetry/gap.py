"""A source that sends far less than it must."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
import numpy as np

from detectors.base import Detector
from detectors.calibration.levels import stream_level
from detectors.registry import register
from detectors.schedule import HOUR, MINUTE, floor
from detectors.state import State
from detectors.telemetry.baseline import LONG_SPAN_HOURS, MIN_DAYS, Baseline, HourCount, build_baseline
from detectors.telemetry_handle import Telemetry
from vigil.ids import digest
from vigil.signal import IncidentKind, Severity, Signal, Subject, SubjectRole, SubjectType, Window

WINDOWS = (5, 15, 60, 60 * LONG_SPAN_HOURS)
"""Lengths in minutes of the windows that are tested, all ending now."""

_OVERLAP = 3
"""Windows of one length end every minute and overlap; their smallest p-value is that of about three times as many
windows that do not."""

_LEVEL_SPANS = (30, 120)
"""Minutes before a window that say at what level the source ran when it began: the lowest counts."""

_MAX_SHARE = dict(zip(WINDOWS, (0.5, 0.5, 0.4, 0.1), strict=True))
"""Share of the expected calls that may still arrive in a gap. Over hours only near silence counts: a slow decline is
another matter."""

_LONG_WINDOW = 60
_NEARLY_SILENT = 0.1
_MIN_EXPECTED = 10.0
_MIN_EXPECTED_TO_END = 5.0
_LARGE = 100.0
_HABITUAL = 3
_FORGET_AFTER = timedelta(days=7)
_READ = WINDOWS[-1] + _LEVEL_SPANS[-1]

_RECENT = """
SELECT tenant_id, source, groupArray(toUnixTimestamp(minute)), groupArray(calls)
FROM source_minutes
WHERE minute >= {start:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
GROUP BY tenant_id, source
"""

_HISTORY = """
SELECT tenant_id, source, groupArray((hour, calls, squares))
FROM (
    SELECT tenant_id, source, toStartOfHour(bin) AS hour, sum(c) AS calls, sum(c * c) AS squares
    FROM (
        SELECT tenant_id, source, toStartOfFiveMinutes(minute) AS bin, sum(calls) AS c
        FROM source_minutes
        WHERE minute >= {start:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
        GROUP BY tenant_id, source, bin
    )
    GROUP BY tenant_id, source, hour
    ORDER BY tenant_id, source, hour
)
GROUP BY tenant_id, source
ORDER BY sum(calls) DESC, tenant_id, source
LIMIT {sources:UInt32}
"""

_SPANS = """
SELECT intDiv(dateDiff('minute', minute, toDateTime({end:DateTime64(6, 'UTC')}, 'UTC')) - 1, {length:UInt32}) AS span, sum(calls)
FROM source_minutes
WHERE tenant_id = {tenant:String} AND source = {source:String}
    AND minute >= {start:DateTime64(6, 'UTC')} AND minute < {end:DateTime64(6, 'UTC')}
GROUP BY span
"""


class _Source(msgspec.Struct, frozen=True):
    """A source with enough history."""

    tenant: str
    source: str
    baseline: Baseline


class _Gap(msgspec.Struct, frozen=True):
    """A gap that is going on: what was said of it, and the level of traffic it is measured against."""

    tenant: str
    source: str
    since: datetime
    level: float
    said_at: datetime
    said_severity: int


class _Recent:
    """Calls of one source by minute over the last `_READ` minutes."""

    def __init__(self, end: datetime, minutes: Sequence[int] = (), calls: Sequence[int] = ()) -> None:
        self._by_age = np.zeros(_READ + 1)
        ages = (int(end.timestamp()) - np.asarray(minutes, dtype=np.int64)) // 60
        np.add.at(self._by_age, np.clip(ages, 0, _READ), np.asarray(calls, dtype=float))
        self._end = end

    def between(self, older: int, newer: int) -> int:
        """Calls at an age of (newer, older] minutes."""
        return int(self._by_age[newer + 1 : older + 1].sum())

    @property
    def newest(self) -> datetime | None:
        """The last minute with a call."""
        ages = np.flatnonzero(self._by_age)
        return self._end - int(ages[0]) * MINUTE if len(ages) else None


class _Shortfall(msgspec.Struct, frozen=True):
    """One window in which too little came."""

    minutes: int
    received: int
    expected: float
    level: float
    p_value: float


@register
class TelemetryGap(Detector):
    """A source that sent regularly sends much less or nothing: an outage, or somebody blinds the monitor.

    Received against expected calls in windows of 5 minutes to 6 hours, by a negative-binomial lower tail (the
    variance within an hour and of whole hours is the source's own). Expected is the median of the same hour on the
    same kind of day over four weeks, lowered when the two hours before or the last day ran lower: evenings, holidays
    and slow declines are no gaps, a sudden stop is. A shortfall counts when it is significant within the budget of
    false pages and at least half is missing; it is said once, again each time its length has doubled.

    Needs no content. Says nothing of a source younger than two days, or that falls silent habitually.
    """

    name, version, family = "telemetry_gap", "1", "telemetry"
    cadence, lookback = MINUTE, timedelta(days=28)
    kinds = (IncidentKind.TELEMETRY_GAP,)
    complete = True
    speaks_on_silence = True
    missed_windows = 15

    max_sources = 2_000

    def detect(self, window: Window, telemetry: Telemetry, state: State) -> Iterator[Signal]:
        sources = self._sources(window.end, telemetry, state)
        if not sources:
            return
        recent = {
            (tenant, source): _Recent(window.end, minutes, calls)
            for tenant, source, minutes, calls in telemetry.query(_RECENT, start=window.end - _READ * MINUTE)
        }
        level = stream_level(self.budget, self._tests_per_week(len(sources)))
        for source in sources:
            calls = recent.get((source.tenant, source.source)) or _Recent(window.end)
            signal = self._look_at(source, calls, window.end, level, telemetry, state)
            if signal is not None:
                yield signal

    def _look_at(
        self, source: _Source, recent: _Recent, end: datetime, level: float, telemetry: Telemetry, state: State
    ) -> Signal | None:
        key = "gap:" + digest(source.tenant, source.source)
        gap = state.get(key, _Gap)
        if gap is not None and _is_over(gap, source.baseline, recent, end):
            state.forget(key)
            state.note("ended", 1 + state.notes.get("ended", 0))
            return None
        shortfalls = _shortfalls(source.baseline, recent, end, gap.level if gap else None)
        found = min((s for s in shortfalls if s.p_value <= level), key=lambda s: s.p_value, default=None)
        if found is None:
            return None
        since = gap.since if gap is not None else _since(found, recent, end)
        severity = _severity(found)
        if gap is None:
            if _is_habitual(telemetry, source, found, end):
                state.note("habitually_silent", 1 + state.notes.get("habitually_silent", 0))
                return None
        elif severity <= gap.said_severity and end - since < 2 * (gap.said_at - since):
            return None
        state.put(key, _Gap(source.tenant, source.source, since, found.level, end, severity))
        return self._signal(source, found, since, end, severity, recent.newest)

    def _sources(self, end: datetime, telemetry: Telemetry, state: State) -> list[_Source]:
        """Sources with their baselines, renewed once an hour."""
        hour = floor(end, HOUR)
        if state.get("baselines_of", datetime) != hour:
            known = set(state.keys("base:"))
            young = 0
            for tenant, source, hours in telemetry.query(_HISTORY, {"sources": self.max_sources}, end=hour):
                counts = {at: HourCount(calls, squares) for at, calls, squares in hours}
                baseline = build_baseline(counts, end)
                if baseline is None:
                    young += 1
                    continue
                key = "base:" + digest(tenant, source)
                state.put(key, _Source(tenant, source, baseline))
                known.discard(key)
            for key in known:
                state.forget(key)
            state.put("baselines_of", hour)
            state.put("young", young)
        if young_sources := state.get("young", int):
            state.note("sources_with_less_than_days_of_history", {"days": MIN_DAYS, "sources": young_sources})
        found = (state.get(key, _Source) for key in state.keys("base:"))
        return [source for source in found if source is not None]

    def _tests_per_week(self, sources: int) -> float:
        """Of one window length, when every length gets the same part of the budget; the shortest is the most frequent."""
        return len(WINDOWS) * sources * _OVERLAP * (timedelta(weeks=1) / (WINDOWS[0] * MINUTE))

    def _signal(
        self,
        source: _Source,
        found: _Shortfall,
        since: datetime,
        end: datetime,
        severity: Severity,
        newest: datetime | None,
    ) -> Signal:
        missing = 1 - found.received / found.expected
        minutes = round((end - since) / MINUTE)
        what = "sends nothing" if found.received == 0 else f"sends {missing:.0%} less than it must"
        return Signal(
            detector=self.name,
            version=self.version,
            family=self.family,
            kind=IncidentKind.TELEMETRY_GAP,
            severity=severity,
            tenant_id=source.tenant,
            key=source.source,
            window=Window(since, end),
            subjects=(Subject(SubjectType.SOURCE, source.source, 1.0, SubjectRole.AFFECTED),),
            title=f"{source.source} {what}",
            summary=(
                f"In the {found.minutes} minutes before {end:%Y-%m-%d %H:%M} UTC {found.received:,} calls came from"
                f" {source.source} where {found.expected:,.0f} were expected at this hour (p = {found.p_value:.1g})."
                f" It has been going on for about {minutes:,} minutes. Check the exporter and the network between it and"
                " Kafka; if they are well, ask who could have switched the telemetry off."
            ),
            score=min(1.0, missing),
            effect_size=(found.received + 0.5) / (found.expected + 0.5),
            p_value=found.p_value,
            facts={
                "received": found.received,
                "expected": round(found.expected, 1),
                "missing_share": round(missing, 4),
                "window_minutes": found.minutes,
                "silent_since": since.isoformat(),
                "last_call_minute": newest.isoformat() if newest else None,
                "history_days": source.baseline.days,
                "recent_level": round(found.level, 3),
                "dispersion": round(source.baseline.dispersion, 2),
                "spread": round(source.baseline.spread, 3),
            },
        )


def _shortfalls(baseline: Baseline, recent: _Recent, end: datetime, frozen_level: float | None) -> Iterator[_Shortfall]:
    """Every window of which too much is missing, with its p-value; none when what comes at present is enough.

    While a gap goes on, its level stays what it was when it began: its own silence must not become what is usual.
    """
    for minutes in WINDOWS:
        start = end - minutes * MINUTE
        if not baseline.knows(start - _LEVEL_SPANS[-1] * MINUTE, end, longest=minutes <= _LONG_WINDOW):
            continue
        level = frozen_level
        if level is None:
            level = min(
                baseline.day_level, *(_level_before(baseline, recent, start, minutes, span) for span in _LEVEL_SPANS)
            )
        expected = level * baseline.expected(start, end)
        received = recent.between(minutes, 0)
        is_short = received <= _MAX_SHARE[minutes] * expected
        if expected >= _MIN_EXPECTED_TO_END and not is_short:
            return
        if expected >= _MIN_EXPECTED and is_short:
            yield _Shortfall(minutes, received, expected, level, baseline.at_most(received, expected, minutes * MINUTE))


def _level_before(baseline: Baseline, recent: _Recent, start: datetime, age: int, span: int) -> float:
    """Received over expected in the `span` minutes before `start`, which is `age` minutes ago."""
    return (recent.between(age + span, age) + 1) / (baseline.expected(start - span * MINUTE, start) + 1)


def _since(found: _Shortfall, recent: _Recent, end: datetime) -> datetime:
    start = end - found.minutes * MINUTE
    if found.received == 0 and recent.newest is not None:
        return max(recent.newest + MINUTE, start - found.minutes * MINUTE)
    return start


def _is_over(gap: _Gap, baseline: Baseline, recent: _Recent, end: datetime) -> bool:
    """The source is back: in the shortest span that says anything, most of what it should send came. Or it is given
    up."""
    if end - gap.since > _FORGET_AFTER:
        return True
    for minutes in WINDOWS:
        expected = gap.level * baseline.expected(end - minutes * MINUTE, end)
        if expected >= _MIN_EXPECTED_TO_END and end - gap.since >= minutes * MINUTE:
            return recent.between(minutes, 0) > 0.5 * expected
    return False


def _is_habitual(telemetry: Telemetry, source: _Source, found: _Shortfall, end: datetime) -> bool:
    """Whether the source was as silent for as long, at hours as busy, several times in its history."""
    received = dict(
        telemetry.query(
            _SPANS,
            {"tenant": source.tenant, "source": source.source, "length": found.minutes},
            end=end,
        )
    )
    length = found.minutes * MINUTE
    spans = int(timedelta(days=source.baseline.days) / length)
    limit = max(found.received, _NEARLY_SILENT * found.expected)
    episodes, silent_before = 0, True  # the present one does not count
    for span in range(1, spans):
        until = end - span * length
        busy = source.baseline.expected(until - length, until) >= found.expected / 2
        silent = busy and received.get(span, 0) <= limit
        episodes += silent and not silent_before
        silent_before = silent
    return episodes >= _HABITUAL


def _severity(found: _Shortfall) -> Severity:
    if found.received <= _NEARLY_SILENT * found.expected and found.expected >= _LARGE:
        return Severity.HIGH
    return Severity.MEDIUM
