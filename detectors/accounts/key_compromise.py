"""An API key in other hands, while its owner goes on working."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from detectors.accounts.key_places import (
    MIN_CALLS,
    RECENT,
    Habits,
    KeyUse,
    Place,
    habits,
    places_of_org,
    used_from_several_places,
)
from detectors.base import Detector, Need
from detectors.calibration.levels import account_level
from detectors.registry import register
from detectors.schedule import HOUR, floor
from detectors.state import State
from detectors.telemetry_handle import Telemetry
from vigil.ids import digest
from vigil.signal import IncidentKind, Severity, Signal, Subject, SubjectRole, SubjectType, Window

_MANY = 4
"""Strangers from which on a key was sold on rather than stolen by one."""

_CROWD = 6
"""Strangers from which on a short past of the key is enough."""

_LEAST_SPAN = timedelta(minutes=10)
_LEAST_OWNER_CALLS = 2
_TESTS_PER_DAY = 1.0
_MAX_KEYS = 20_000
_MAX_SAID = 4_000
_MAX_NAMED = 10


class _Fit(msgspec.Struct, frozen=True):
    """How rare a stranger is by chance in each tenant, and until when that holds."""

    until: datetime
    tenants: dict[str, float]


class _Said(msgspec.Struct, frozen=True):
    """What was said of a key, and when."""

    calls: int
    strangers: int
    at: datetime


class _Finding(msgspec.Struct, frozen=True):
    """A key with strangers, and what its owner did beside them."""

    use: KeyUse
    strangers: tuple[Place, ...]
    owner_last: datetime
    owner_calls: int
    p_value: float

    @property
    def calls(self) -> int:
        """Calls of the strangers."""
        return sum(place.recent for place in self.strangers)


@register
class KeyCompromise(Detector):
    """An API key is used from a network and with a program that are new to it, while its owner goes on from the usual
    places.

    A key with a past (ten active hours and thirty calls before the last day) gets strangers: at least six answered
    calls from a network *and* with a program that are both new to it, and that no other key of its organisation uses
    together: a company that moves does so with more than one key. How
    rare that is comes from the tenant: how often its established keys take up a new network on a day, and how often a
    new program; if these two have nothing to do with each other, their product. Where they were seen to come together
    (people with new telephones), it is as common as that and nothing is said.

    A key that moves leaves its old places; so the owner must be seen at a usual place after the strangers came, and
    the strangers must stay for ten minutes. Four or more strangers at once are a resale, which needs no owner awake, and
    six or more little past (five hours and ten calls). The key is the offender, its
    account the victim.

    Needs no content. Says nothing of keys without a past, or of a thief who uses the owner's network or program.
    """

    name, version, family = "key_compromise", "1", "accounts"
    cadence, lookback = timedelta(minutes=5), timedelta(days=28)
    kinds = (IncidentKind.KEY_COMPROMISE,)
    needs = frozenset({Need.ADDRESSES})

    def detect(self, window: Window, telemetry: Telemetry, state: State) -> Iterator[Signal]:
        usual = self._usual(window.end, telemetry, state)
        level = account_level(self.budget, _TESTS_PER_DAY)
        able = {tenant for tenant, p_value in usual.items() if p_value <= level}
        if unable := len(usual) - len(able):
            state.note("tenants_with_too_few_or_restless_keys", unable)
        if not able:
            return
        self._forget(window.end, state)
        for use in used_from_several_places(telemetry, window.end, _MAX_KEYS):
            if use.tenant not in able or not use.is_known:
                continue
            finding = _finding(use, window.end, usual[use.tenant])
            if finding is not None:
                finding = self._unknown_to_org(finding, telemetry, window.end, state)
            if finding is None or not (use.is_established or len(finding.strangers) >= _CROWD):
                continue
            key = "said:" + digest(use.tenant, use.key)
            before = state.get(key, _Said)
            if (
                before is not None
                and finding.calls < 2 * before.calls
                and len(finding.strangers) < 2 * before.strangers
            ):
                continue
            state.put(key, _Said(finding.calls, len(finding.strangers), window.end))
            yield self._signal(finding, window.end)

    def _usual(self, end: datetime, telemetry: Telemetry, state: State) -> dict[str, float]:
        """P-values from the habits of the time before the last day, renewed every six hours."""
        fit = state.get("habits", _Fit)
        hour = floor(end, HOUR)
        if fit is None or hour >= fit.until:
            found = habits(telemetry, hour - RECENT)
            everywhere = (
                Habits(
                    *(
                        sum(counts)
                        for counts in zip(*(msgspec.structs.astuple(one) for one in found.values()), strict=True)
                    )
                )
                if found
                else Habits(0, 0, 0, 0)
            )
            p_values = {tenant: one.p_value(everywhere) for tenant, one in found.items()}
            fit = _Fit(hour + timedelta(hours=6), p_values)
            state.put("habits", fit)
        return fit.tenants

    def _unknown_to_org(self, finding: _Finding, telemetry: Telemetry, end: datetime, state: State) -> _Finding | None:
        """Without the places that other keys of the organisation use: a company that moves is no theft."""
        familiar = places_of_org(telemetry, finding.use, end)
        if not any((place.asn, place.agent) in familiar for place in finding.strangers):
            return finding
        state.note("known_to_the_organisation", 1 + state.notes.get("known_to_the_organisation", 0))
        return _finding(finding.use, end, finding.p_value, familiar)

    def _forget(self, end: datetime, state: State) -> None:
        """Drop what is over, the oldest first when there is too much."""
        said = {key: found for key in state.keys("said:") if (found := state.get(key, _Said)) is not None}
        for key in sorted(said, key=lambda key: (said[key].at, key)):
            if end - said[key].at > 2 * RECENT or len(said) > _MAX_SAID:
                state.forget(key)
                del said[key]

    def _signal(self, finding: _Finding, end: datetime) -> Signal:
        use, strangers = finding.use, finding.strangers
        first = min(place.first for place in strangers)
        resold = len(strangers) >= _MANY
        who = f"{len(strangers)} strangers" if len(strangers) > 1 else "a stranger"
        return Signal(
            detector=self.name,
            version=self.version,
            family=self.family,
            kind=IncidentKind.KEY_COMPROMISE,
            severity=Severity.HIGH if resold or finding.calls >= 2 * MIN_CALLS else Severity.MEDIUM,
            tenant_id=use.tenant,
            key=use.key,
            window=Window(first, end),
            subjects=(
                Subject(SubjectType.API_KEY, use.key, _confidence(finding), SubjectRole.OFFENDER),
                Subject(SubjectType.ACCOUNT, use.account, 1.0, SubjectRole.VICTIM),
            ),
            title=f"{use.key} is used by {who}" + (": it was sold on" if resold else ""),
            summary=(
                f"Since {first:%Y-%m-%d %H:%M} UTC {use.key} of {use.account} has made {finding.calls:,} calls from"
                f" {len({place.asn for place in strangers})} network(s) and with"
                f" {len({place.agent for place in strangers})} program(s) that neither it nor another key of its"
                f" organisation used before, while its owner was at the usual places (last on"
                f" {finding.owner_last:%d %B at %H:%M}). A key of this tenant takes up both on one day with p = {finding.p_value:.1g}."
                " Ask the owner; if this is not theirs, revoke the key and issue another one, and look where it leaked."
            ),
            score=_confidence(finding),
            effect_size=finding.calls / max(finding.owner_calls, 1),
            p_value=finding.p_value,
            facts={
                "pattern": "resale" if resold else "theft",
                "account": use.account,
                "strangers": len(strangers),
                "stranger_calls": finding.calls,
                "owner_calls": finding.owner_calls,
                "owner_last": finding.owner_last.isoformat(),
                "effect_is": "stranger calls over owner calls",
                "networks": sorted({place.asn for place in strangers})[:_MAX_NAMED],
                "programs": sorted({place.agent[:100] for place in strangers})[:_MAX_NAMED],
                "known_places": sum(1 for place in use.places if place.before),
            },
        )


def _finding(
    use: KeyUse, end: datetime, p_value: float, familiar: frozenset[tuple[int, str]] = frozenset()
) -> _Finding | None:
    """Strangers of a key beside its owner, none of the `familiar` places; None when there are none, or the owner
    has left."""
    recent = end - RECENT
    known = [place for place in use.places if place.first < recent]
    networks, programs = {place.asn for place in known}, {place.agent for place in known}
    strangers = tuple(
        place
        for place in use.places
        if place.recent
        and place.asn
        and place.agent
        and place.asn not in networks
        and place.agent not in programs
        and (place.asn, place.agent) not in familiar
    )
    if sum(place.recent for place in strangers) < MIN_CALLS:
        return None
    first, last = min(place.first for place in strangers), max(place.last for place in strangers)
    owner = [place for place in known if place.recent]
    owner_last = max((place.last for place in owner), default=None)
    if owner_last is None or last - first < _LEAST_SPAN:
        return None
    # Many strangers at once are no move to another place, even while the owner sleeps.
    if len(strangers) < _MANY and owner_last <= first + (last - first) / 2:
        return None
    owner_calls = sum(place.recent for place in owner)
    if owner_calls < _LEAST_OWNER_CALLS:
        return None
    return _Finding(use, strangers, owner_last, owner_calls, p_value)


def _confidence(finding: _Finding) -> float:
    """A score for people: grows with the strangers' calls."""
    return round(1 - 1 / (1 + finding.calls / 2), 4)
