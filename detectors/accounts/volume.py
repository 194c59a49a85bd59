"""One account, many times its usual volume."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from detectors.accounts.account_hours import (
    MIN_ACCOUNTS,
    HourToDate,
    history,
    hour_to_date,
    medians_now,
    peers,
    records,
)
from detectors.accounts.peers import Measure, Peers, Record, refresh_after
from detectors.arrivals import LATENESS
from detectors.base import Detector
from detectors.calibration.levels import account_level
from detectors.registry import register
from detectors.schedule import HOUR, floor
from detectors.state import State
from detectors.telemetry_handle import Telemetry
from vigil.ids import digest
from vigil.signal import IncidentKind, Severity, Signal, Subject, SubjectType, Window

_QUANTITIES = ("calls", "output tokens")
_MIN_RATIO = 4.0
_LARGE_RATIO = 10.0
_NEWCOMER_STRICTER = 10.0
_MAX_KEPT = 2_000
_NEVER = 1e18


class _Fit(msgspec.Struct, frozen=True):
    """When the peers were fitted, and until when that holds."""

    until: datetime
    tenants: tuple[str, ...]
    floors: tuple[float, float]


class _Past(msgspec.Struct, frozen=True):
    """An account's past before `hour`, and what was said of it in that hour."""

    hour: datetime
    records: tuple[Record, Record]
    said: float = 0.0


class _Excess(msgspec.Struct, frozen=True):
    """An hour that is extreme in one quantity. `factor`: how much busier than usual the tenant is in this hour."""

    quantity: str
    value: float
    past: Record
    measure: Measure
    factor: float
    p_value: float

    @property
    def ratio(self) -> float:
        """Over the account's own largest hour, or over what is busy among peers for a newcomer; launch days taken out."""
        reference = self.past.largest if self.past.is_established else self.measure.busy
        return self.value / self.factor / max(reference, 1.0)


@register
class AccountVolume(Detector):
    """One account makes many times the calls, or takes many times the tokens, of its own past and of its peers.

    The hour to date is compared with the account's own busiest hour of four weeks and with the busy hours of the
    tenant's accounts; both must be left behind, by more than chance allows within the budget of false incidents. How
    rare that is comes from the tenant itself: each established account shows by how much its busiest hour leaves both
    its second-busiest and the peers' busy level behind, and a generalised Pareto tail carries that further. A part of
    an hour that exceeds what a whole one may is conclusive, so nothing waits for the hour to end. A busy hour of the
    whole tenant (a launch) divides everybody's volume. Accounts without a past are judged by their peers alone, ten
    times more strictly.

    Needs no content. Says nothing of a tenant with too little history.
    """

    name, version, family = "account_volume", "2", "accounts"
    cadence, lookback = timedelta(seconds=2), timedelta(days=28)
    kinds = (IncidentKind.ACCOUNT_ANOMALY,)

    def detect(self, window: Window, telemetry: Telemetry, state: State) -> Iterator[Signal]:
        hour = floor(max(window.start, window.end - LATENESS), HOUR)
        while hour < window.end:
            yield from self._look_at_hour(hour, min(hour + HOUR, window.end), window.end, telemetry, state)
            hour += HOUR

    def _look_at_hour(
        self, hour: datetime, end: datetime, now: datetime, telemetry: Telemetry, state: State
    ) -> Iterator[Signal]:
        fit = self._fitted(floor(now, HOUR), telemetry, state)
        if fit is None:
            return
        busy = hour_to_date(telemetry, hour, end, *fit.floors)
        if not busy:
            return
        pasts = _pasts(busy, hour, telemetry, state)
        factors: dict[str, tuple[float, float]] = {}
        for found in busy:
            among = state.get(f"peers:{found.tenant}", Peers)
            past = pasts[found.tenant, found.account]
            if among is None or self._excess(found, past, among, (1.0, 1.0)) is None:
                continue
            if found.tenant not in factors:
                factors[found.tenant] = _busier_than_usual(telemetry, among, hour, end)
            excess = self._excess(found, past, among, factors[found.tenant])
            if excess is None:
                state.note("explained_by_a_busy_hour", 1 + state.notes.get("explained_by_a_busy_hour", 0))
                continue
            if excess.value < 2 * past.said:
                continue
            state.put(_key(found), msgspec.structs.replace(past, said=excess.value))
            yield self._signal(found, excess, Window(hour, end))

    def _excess(self, found: HourToDate, past: _Past, among: Peers, factors: tuple[float, float]) -> _Excess | None:
        """The more surprising quantity, when it is surprising and large enough."""
        level = account_level(self.budget, len(_QUANTITIES) * max(among.hours_per_account_day, 1.0))
        candidates = []
        for quantity, value, own, measure, factor in zip(
            _QUANTITIES, (found.calls, found.tokens), past.records, (among.calls, among.tokens), factors, strict=True
        ):
            p_value = measure.p_value(value / factor, own)
            excess = _Excess(quantity, float(value), own, measure, factor, p_value)
            strictness = 1.0 if own.is_established else _NEWCOMER_STRICTER
            if p_value <= level / strictness and excess.ratio >= _MIN_RATIO and value > measure.busy * factor:
                candidates.append(excess)
        return min(candidates, key=lambda excess: (excess.p_value, excess.quantity), default=None)

    def _fitted(self, hour: datetime, telemetry: Telemetry, state: State) -> _Fit | None:
        """The fit of the peers that holds at `hour`, renewed when it is old."""
        fit = state.get("fit", _Fit)
        if fit is None or hour >= fit.until:
            rows, span = history(telemetry, hour)
            found = peers(telemetry, hour, rows) if rows else []
            able = [one for one in found if one.calls.surprise is not None or one.calls.newcomers is not None]
            for tenant in set(fit.tenants if fit else ()) - {one.tenant for one in able}:
                state.forget(f"peers:{tenant}")
            for one in able:
                state.put(f"peers:{one.tenant}", one)
            # What nobody reaches who could be reported: the query leaves all others out.
            floors = tuple(
                min((measure.busy for measure in measures if measure.busy > 0), default=_NEVER)
                for measures in ([one.calls for one in able], [one.tokens for one in able])
            )
            fit = _Fit(hour + refresh_after(span), tuple(one.tenant for one in able), (floors[0], floors[1]))
            state.put("fit", fit)
            state.put("tenants_without_history", len(found) - len(able))
        if unable := state.get("tenants_without_history", int):
            state.note("tenants_without_enough_history", unable)
        if not fit.tenants:
            state.note("no_history", "no tenant has enough account-hours to compare with")
            return None
        return fit

    def _signal(self, found: HourToDate, excess: _Excess, window: Window) -> Signal:
        severity = Severity.MEDIUM
        if excess.ratio >= _LARGE_RATIO and excess.value >= excess.measure.extreme * excess.factor:
            severity = Severity.HIGH
        minutes = max(1, round((window.end - window.start) / timedelta(minutes=1)))
        if excess.past.is_established:
            compared = (
                f"its own busiest of {excess.past.hours:,} active hours had {excess.past.largest:,.0f}"
                f" (usually {excess.past.usual:,.0f})"
            )
        else:
            compared = "it has no past to compare with"
        return Signal(
            detector=self.name,
            version=self.version,
            family=self.family,
            kind=IncidentKind.ACCOUNT_ANOMALY,
            severity=severity,
            tenant_id=found.tenant,
            key=found.account,
            window=window,
            subjects=(Subject(SubjectType.ACCOUNT, found.account, _confidence(excess.p_value)),),
            title=f"{found.account}: {excess.ratio:.0f} times its usual busiest hour in {excess.quantity}"
            if excess.past.is_established
            else f"{found.account}: a new account with {excess.ratio:.0f} times a busy hour of its peers in {excess.quantity}",
            summary=(
                f"{found.account} has used {excess.value:,.0f} {excess.quantity} in the {minutes} minutes since"
                f" {window.start:%Y-%m-%d %H:%M} UTC; {compared}, and one hour in a hundred of all accounts of"
                f" {found.tenant} has more than {excess.measure.busy:,.0f} (p = {excess.p_value:.1g}). Ask the owner"
                " whether this is theirs; look at what the calls say and where they come from."
            ),
            score=_confidence(excess.p_value),
            effect_size=excess.ratio,
            p_value=excess.p_value,
            facts={
                "quantity": excess.quantity,
                "calls": found.calls,
                "output_tokens": found.tokens,
                "hour": window.start.isoformat(),
                "minutes": minutes,
                "own_usual": excess.past.usual,
                "own_busiest": excess.past.largest,
                "own_active_hours": excess.past.hours,
                "peers_busy": excess.measure.busy,
                "peers_extreme": excess.measure.extreme,
                "tenant_factor": round(excess.factor, 3),
                "ratio": round(excess.ratio, 2),
            },
        )


def _key(found: HourToDate) -> str:
    return "past:" + digest(found.tenant, found.account)


def _pasts(busy: list[HourToDate], hour: datetime, telemetry: Telemetry, state: State) -> dict[tuple[str, str], _Past]:
    """The pasts of busy accounts: read once an hour, then remembered."""
    known = {}
    for found in busy:
        past = state.get(_key(found), _Past)
        if past is not None and past.hour == hour:
            known[found.tenant, found.account] = past
    missing = [found for found in busy if (found.tenant, found.account) not in known]
    if not missing:
        return known
    read = records(telemetry, [found.account for found in missing], hour)
    stale = [key for key in state.keys("past:") if (past := state.get(key, _Past)) and past.hour < hour - LATENESS]
    for key in stale:
        state.forget(key)
    nothing = Record(0, 0.0, 0.0)
    for found in missing:
        past = _Past(hour, read.get((found.tenant, found.account), (nothing, nothing)))
        known[found.tenant, found.account] = past
        if len(state.keys("past:")) < _MAX_KEPT:
            state.put(_key(found), past)
    return known


def _busier_than_usual(telemetry: Telemetry, among: Peers, hour: datetime, end: datetime) -> tuple[float, float]:
    """How many times busier the tenant's accounts are in this hour so far than in its busy whole ones, at least 1."""
    calls, tokens, accounts = medians_now(telemetry, among.tenant, hour, end)
    if accounts < MIN_ACCOUNTS:
        return 1.0, 1.0
    return among.calls.factor(calls), among.tokens.factor(tokens)


def _confidence(p_value: float) -> float:
    """A score for people from a p-value: 0.9 at one in ten million, 0.99 far beyond."""
    return round(1 - 1 / (1 + 9 * math.pow(1e-7 / max(p_value, 1e-300), 0.25)), 4)
