"""Accounts that use one template beyond what its popularity explains."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from detectors.base import Detector, Need
from detectors.calibration.levels import population_level
from detectors.coordination.adoption import (
    MAX_TEMPLATES,
    Persistence,
    Scale,
    Templates,
    read_activity,
    read_earlier_users,
    read_evidence,
    read_networks,
    read_organisations,
    read_persistence,
    read_templates,
)
from detectors.coordination.ring_test import MIN_PRINCIPALS, Ring, overlaps, test_template, united
from detectors.registry import register
from detectors.schedule import HOUR, MINUTE, floor
from detectors.state import State
from detectors.telemetry_handle import Telemetry
from vigil.ids import digest
from vigil.signal import IncidentKind, Severity, Signal, Subject, SubjectType, Window

SCALES = (
    Scale("hour", window=HOUR, bucket=5 * MINUTE, min_buckets=2, min_calls=8),
    Scale("day", window=24 * HOUR, bucket=30 * MINUTE, min_buckets=5, min_calls=8),
)
"""A campaign that runs for an hour, and one that is spread over the day."""

_PAST_PERIODS = {"hour": 24, "day": 7}
_FORGET_AFTER = timedelta(days=7)
_MAX_RINGS = 500
_CROWD = 2
"""A network with this many times as many other accounts as members is a campus, an office or a carrier."""
_NEWS = timedelta(days=1)
"""A template that half as many accounts already used longer ago than this is an application's or a habit."""
_CRITICAL_SIZE, _CRITICAL_P = 20, 1e-12


class _Known(msgspec.Struct, frozen=True):
    """A ring that was announced: who is in it, how severe it was said to be, and when it was last seen."""

    tenant: str
    accounts: tuple[str, ...]
    severity: int
    seen_at: datetime


@register
class SharedTemplate(Detector):
    """Several accounts keep sending one template, at the same time, and hardly anybody else does.

    Judges every template (text without its slots, or near-duplicate band) that has at least three persistent users in
    the last hour or the last day: see `ring_test` for the two tests and `adoption` for what is counted. Templates
    with mostly the same users are one ring. A ring is said when it is found and again when members join or it becomes
    more severe, always under the same key.

    A template that as many accounts used days ago, and one that a tenth of a whole platform uses, belong to an
    application, not to a ring. Needs content; texts of a few words are nobody's template; accounts that send none are not seen. Accounts of one organisation, or behind one network with many
    other users, count as one, so a batch job, a class and an office are no rings.
    """

    name, version, family = "shared_template", "1", "coordination"
    cadence, lookback = MINUTE, timedelta(days=8)
    kinds = (IncidentKind.COORDINATED_RING,)
    needs = frozenset({Need.CONTENT})

    def detect(self, window: Window, telemetry: Telemetry, state: State) -> Iterator[Signal]:
        # Whole minutes only: the aggregates' last minute may hold rows later than the window.
        end = floor(window.end, MINUTE)
        self._forget(state, end)
        for scale in SCALES:
            fresh = max(floor(window.start, MINUTE) - MINUTE, end - scale.window)
            if scale.window > HOUR:
                end_of_look = floor(end, scale.bucket)
                if end_of_look <= floor(window.start, scale.bucket) and window.end - window.start < scale.bucket:
                    continue  # the long look is taken once a bucket
                fresh = max(end_of_look - max(scale.bucket, window.end - window.start), end_of_look - scale.window)
            else:
                end_of_look = end
            yield from self._look(scale, fresh, end_of_look, telemetry, state)

    def _look(
        self, scale: Scale, fresh: datetime, end: datetime, telemetry: Telemetry, state: State
    ) -> Iterator[Signal]:
        templates = read_templates(telemetry, scale, fresh, end, MIN_PRINCIPALS)
        if not templates:
            return
        if len(templates) == MAX_TEMPLATES:
            state.note("templates_left_out", f"more than {MAX_TEMPLATES} candidates on the scale of a {scale.name}")
        past = self._past(scale, end, telemetry, state)
        for tenant in sorted({tenant for tenant, _ in templates}):
            own = {key: users for key, users in templates.items() if key[0] == tenant}
            yield from self._rings_of(tenant, own, scale, past.get(tenant, []), end, telemetry, state)

    def _rings_of(
        self,
        tenant: str,
        templates: Templates,
        scale: Scale,
        past: list[Persistence],
        end: datetime,
        telemetry: Telemetry,
        state: State,
    ) -> Iterator[Signal]:
        accounts = sorted({account for users in templates.values() for account in users})
        activity = read_activity(telemetry, scale, end, tenant, accounts)
        organisations = read_organisations(telemetry, end, tenant, accounts)
        persistent = {
            account for users in templates.values() for account, use in users.items() if use.is_persistent(scale)
        }
        principal_of = self._networks(tenant, persistent, end, telemetry) | {
            account: f"org {organisation}" for account, organisation in organisations.items()
        }
        level = population_level(self.budget, activity.accounts, timedelta(days=1) / scale.window)
        rings = []
        for (_, fingerprint), users in sorted(templates.items()):
            ring = test_template(tenant, fingerprint, users, activity, principal_of, scale, past, tested=len(templates))
            if ring is None:
                state.note("explained", 1 + state.notes.get("explained", 0))
            elif ring.p_value <= level:
                rings.append(ring)
        for ring in united(rings):
            signal = self._announce(ring, scale, end, organisations, telemetry, state)
            if signal is not None:
                yield signal

    def _networks(self, tenant: str, accounts: set[str], end: datetime, telemetry: Telemetry) -> dict[str, str]:
        """Accounts behind a network that many others use, and that network."""
        return {
            account: f"network {prefix}"
            for prefix, members, everybody in read_networks(telemetry, end, tenant, sorted(accounts))
            if len(members) >= MIN_PRINCIPALS and everybody - len(members) >= _CROWD * len(members)
            for account in members
        }

    def _past(self, scale: Scale, end: datetime, telemetry: Telemetry, state: State) -> dict[str, list[Persistence]]:
        """What was usual in the periods before this one, by tenant; each period is counted once and kept."""
        seconds = int(scale.window.total_seconds())
        current = int(end.timestamp()) // seconds
        first = current - _PAST_PERIODS[scale.name]
        key = f"past:{scale.name}"
        known = state.get(key, dict[str, dict[str, Persistence]]) or {}
        missing = [period for period in range(first, current) if str(period) not in known]
        if missing:
            start = max(_moment(missing[0] * seconds), telemetry.start)
            counted = read_persistence(telemetry, scale, start, _moment(current * seconds))
            for period in missing:
                known[str(period)] = {tenant: found for (at, tenant), found in counted.items() if at == period}
            known = {period: tenants for period, tenants in known.items() if int(period) >= first}
            state.put(key, known)
        past: defaultdict[str, list[Persistence]] = defaultdict(list)
        for _, tenants in sorted(known.items()):
            for tenant, persistence in tenants.items():
                past[tenant].append(persistence)
        return past

    def _forget(self, state: State, end: datetime) -> None:
        known = {key: ring for key in state.keys("ring:") if (ring := state.get(key, _Known)) is not None}
        for key, ring in known.items():
            if end - ring.seen_at > _FORGET_AFTER:
                state.forget(key)
        for key in sorted(known, key=lambda key: known[key].seen_at)[: max(0, len(known) - _MAX_RINGS)]:
            state.forget(key)

    def _announce(
        self, ring: Ring, scale: Scale, end: datetime, organisations: dict[str, str], telemetry: Telemetry, state: State
    ) -> Signal | None:
        """The ring as a signal when it is new, has grown or is more severe; it keeps the key it was first said under."""
        severity = _severity(ring)
        key, known = _recognised(ring, state)
        if known is None:
            before = read_earlier_users(telemetry, end - scale.window - _NEWS, ring.tenant, ring.templates)
            if before >= max(MIN_PRINCIPALS, ring.users // 2):
                # An application's own prompt, or a habit: as many used it before this could be one operation's start.
                state.note("established", 1 + state.notes.get("established", 0))
                return None
        joined = ring.accounts - set(known.accounts) if known else ring.accounts
        accounts = tuple(sorted(ring.accounts | set(known.accounts if known else ())))
        state.put(key, _Known(ring.tenant, accounts, max(severity, known.severity if known else 0), end))
        if known is not None and not joined and severity <= known.severity:
            return None
        calls = sum(member.use.calls for member in ring.members)
        shares = sorted(member.share for member in ring.members)
        minutes = round(scale.window / MINUTE)
        return Signal(
            detector=self.name,
            version=self.version,
            family=self.family,
            kind=IncidentKind.COORDINATED_RING,
            severity=severity,
            tenant_id=ring.tenant,
            key=key.removeprefix("ring:"),
            window=Window(end - scale.window, end),
            subjects=tuple(Subject(SubjectType.ACCOUNT, member.account, member.confidence) for member in ring.members),
            title=f"{len(ring.members)} accounts work through one template",
            summary=(
                f"{len(ring.members)} accounts sent {calls:,} calls from one template in the {minutes:,} minutes before"
                f" {end:%Y-%m-%d %H:%M} UTC. Of {ring.users} independent users of this template {ring.principals} kept"
                f" coming back; of the users of other shared templates {ring.persistent_share:.1%} do"
                f" (p = {ring.p_value:.1g}). Compare what the accounts ask and how they pay and connect; if they are"
                " one operator, act on all of them at once."
            ),
            score=max(0.5, min(1.0, ring.principals / ring.users)),
            effect_size=ring.principals / max(ring.users * ring.persistent_share, 1e-9),
            p_value=ring.p_value,
            facts={
                "members": len(ring.members),
                "independent_members": ring.principals,
                "independent_users": ring.users,
                "usual_persistent_share": round(ring.persistent_share, 5),
                "calls": calls,
                "calls_per_member_median": sorted(member.use.calls for member in ring.members)[len(ring.members) // 2],
                "template_share_of_calls_median": round(shares[len(shares) // 2], 3),
                "scale": scale.name,
                "templates": len(ring.templates),
                "template": f"{ring.templates[0]:016x}",
                "organisations": len({organisations[m.account] for m in ring.members if m.account in organisations}),
                "joined": len(joined),
            },
            event_ids=read_evidence(
                telemetry, scale, end, ring.tenant, [member.account for member in ring.members], ring.templates
            ),
        )


def _recognised(ring: Ring, state: State) -> tuple[str, _Known | None]:
    """The state's key of a ring announced before whose members are mostly the same; else a new one."""
    for key in state.keys("ring:"):
        known = state.get(key, _Known)
        if known is not None and known.tenant == ring.tenant and overlaps(frozenset(known.accounts), ring.accounts):
            return key, known
    return (
        f"ring:{digest(ring.tenant, *(f'{template:x}' for template in ring.templates), *sorted(ring.accounts), length=16)}",
        None,
    )


def _severity(ring: Ring) -> Severity:
    if ring.principals >= _CRITICAL_SIZE and ring.p_value <= _CRITICAL_P:
        return Severity.CRITICAL
    return Severity.HIGH if ring.principals >= 5 else Severity.MEDIUM


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
