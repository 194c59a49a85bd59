"""Truths, verdicts and restrictions for tests of scoring."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from jobs.evaluation.verdicts import Named, Restriction, Verdict
from simulator.truth import Instance, TrueSubject, Truth
from vigil.effect import EffectKind
from vigil.signal import IncidentKind, Severity, SubjectRole, SubjectType

NOON = datetime(2026, 10, 6, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TENANT = "lumen-chat"


def attack(
    accounts: Iterable[str],
    *,
    kinds: tuple[IncidentKind, ...] = (IncidentKind.COORDINATED_RING,),
    name: str = "template_campaign",
    number: int = 1,
    role: SubjectRole = SubjectRole.OFFENDER,
    lookalike: bool = False,
    start: datetime = NOON,
) -> Instance:
    """An hour's attack that is detectable after ten minutes."""
    return Instance(
        scenario=name,
        instance_id=f"{name}-{number}",
        tenant_id=TENANT,
        lookalike=lookalike,
        kinds=() if lookalike else kinds,
        subjects=tuple(TrueSubject(SubjectType.ACCOUNT, account, role) for account in accounts),
        start=start,
        end=start + 60 * MINUTE,
        detectable_from=None if lookalike else start + 10 * MINUTE,
        summary="",
    )


def lookalike(accounts: Iterable[str], name: str = "viral_prompt") -> Instance:
    """An hour of something harmless."""
    return attack(accounts, name=name, role=SubjectRole.CONTEXT, lookalike=True)


def truth(*instances: Instance, seed: int = 1) -> Truth:
    """A day that holds them."""
    return Truth(seed, "small", NOON - timedelta(hours=12), NOON + timedelta(hours=12), instances)


def verdict(
    accounts: Iterable[str],
    *,
    at: datetime = NOON + 30 * MINUTE,
    kind: IncidentKind | None = IncidentKind.COORDINATED_RING,
    severity: Severity = Severity.HIGH,
    ref: str = "inc_1",
    tenant: str = TENANT,
    detectors: tuple[str, ...] = ("shared_template",),
    role: SubjectRole = SubjectRole.OFFENDER,
    strength: float = 6.0,
) -> Verdict:
    """An incident about the hour before it was said."""
    return Verdict(
        ref=ref,
        at=at,
        tenant_id=tenant,
        kind=kind,
        severity=severity,
        start=at - 60 * MINUTE,
        end=at,
        subjects=tuple(Named(SubjectType.ACCOUNT, account, role) for account in accounts),
        detectors=detectors,
        strength=strength,
    )


def restriction(
    target: str,
    *,
    type: SubjectType = SubjectType.ACCOUNT,
    at: datetime = NOON + 31 * MINUTE,
    ref: str = "act_1",
) -> Restriction:
    """A throttle."""
    return Restriction(ref=ref, at=at, effect=EffectKind.THROTTLE, tenant_id=TENANT, target=(type, target))
