"""Scores of one run against its truth. Pure: truth, verdicts and restrictions in, `RunScore` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from jobs.evaluation.matching import guilty, named, names_rightly, speaks_of, wanted
from jobs.evaluation.verdicts import Key, Restriction, Verdict
from simulator.truth import Instance, Truth
from vigil.signal import Severity, SubjectType

IN_QUEUE = Severity.MEDIUM
"""From this severity on an incident asks for a person's time: only then it finds something, or is a false alarm."""


class InstanceScore(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of one instance.

    For an attack: `found` (an incident of a right kind in the queue speaks of it), `recorded` (any incident of a right
    kind), `delay_s` from the first moment at which it was detectable (None when missed), `named` and `right` subjects
    of those incidents together, `wanted` subjects of the truth. `finders`: the detectors behind each such incident,
    `strengths` their evidence. For a look-alike, `violations` are the incidents in the queue that blame it.
    """

    scenario: str
    instance_id: str
    lookalike: bool
    found: bool = False
    recorded: bool = False
    delay_s: float | None = None
    named: int = 0
    right: int = 0
    wanted: int = 0
    finders: tuple[tuple[str, ...], ...] = ()
    strengths: tuple[float, ...] = ()
    violations: tuple[str, ...] = ()


class FalseIncident(msgspec.Struct, frozen=True):
    """An incident that no attack explains."""

    ref: str
    kind: str
    severity: str
    detectors: tuple[str, ...]
    strength: float


class WronglyActed(msgspec.Struct, frozen=True):
    """An account that was restricted although it did nothing (or not yet)."""

    account_id: str
    tenant_id: str
    effect: str
    ref: str


class RunScore(msgspec.Struct, frozen=True, kw_only=True):
    """One run: a seed's instances, the incidents that were false, and who was acted upon wrongly.

    `account_days`: pairs of an account and a day (UTC) on which it called. `misnamed`: incidents in the queue that speak
    of an attack under a kind that does not describe it: neither found nor false.
    """

    name: str
    seed: int
    account_days: int
    instances: tuple[InstanceScore, ...]
    false_incidents: tuple[FalseIncident, ...]
    wrongly_acted: tuple[WronglyActed, ...]
    misnamed: int = 0
    false_low: tuple[FalseIncident, ...] = ()
    """Incidents below the queue that no attack explains."""


Owners = Mapping[tuple[str, Key], frozenset[str]]
"""The accounts behind a principal: (tenant, (type, id)) → account ids. An account need not be listed."""


def score_run(
    name: str,
    truth: Truth,
    verdicts: Sequence[Verdict],
    restrictions: Sequence[Restriction],
    *,
    account_days: int,
    owners: Owners | None = None,
) -> RunScore:
    """Score what was said and done about the traffic whose truth is `truth`."""
    attacks = [one for one in truth.instances if not one.lookalike]
    explained = {verdict.ref: any(speaks_of(verdict, attack) for attack in attacks) for verdict in verdicts}
    instances = tuple(
        _lookalike(one, verdicts, explained) if one.lookalike else _attack(one, verdicts) for one in truth.instances
    )
    queued = [verdict for verdict in verdicts if verdict.severity >= IN_QUEUE]
    return RunScore(
        name=name,
        seed=truth.seed,
        account_days=account_days,
        instances=instances,
        false_incidents=tuple(_false(verdict) for verdict in queued if not explained[verdict.ref]),
        wrongly_acted=tuple(_wrong(restrictions, attacks, owners or {})),
        misnamed=sum(
            explained[verdict.ref]
            and not any(speaks_of(verdict, one) and names_rightly(verdict, one) for one in attacks)
            for verdict in queued
        ),
        false_low=tuple(
            _false(verdict) for verdict in verdicts if verdict.severity < IN_QUEUE and not explained[verdict.ref]
        ),
    )


def _attack(instance: Instance, verdicts: Sequence[Verdict]) -> InstanceScore:
    about = [one for one in verdicts if speaks_of(one, instance) and names_rightly(one, instance)]
    queued = [one for one in about if one.severity >= IN_QUEUE]
    target = wanted(instance)
    said = frozenset[Key]().union(*(named(one, instance) for one in queued))
    detectable = instance.detectable_from or instance.start
    first = min((one.at for one in queued), default=None)
    return InstanceScore(
        scenario=instance.scenario,
        instance_id=instance.instance_id,
        lookalike=False,
        found=bool(queued),
        recorded=bool(about),
        delay_s=None if first is None else max(timedelta(), first - detectable).total_seconds(),
        named=len(said),
        right=len(said & target),
        wanted=len(target),
        finders=tuple(one.detectors for one in queued),
        strengths=tuple(one.strength for one in queued),
    )


def _lookalike(instance: Instance, verdicts: Sequence[Verdict], explained: Mapping[str, bool]) -> InstanceScore:
    return InstanceScore(
        scenario=instance.scenario,
        instance_id=instance.instance_id,
        lookalike=True,
        violations=tuple(
            one.ref
            for one in verdicts
            if one.severity >= IN_QUEUE and not explained[one.ref] and speaks_of(one, instance)
        ),
    )


def _false(verdict: Verdict) -> FalseIncident:
    kind = verdict.kind.value if verdict.kind is not None else "any"
    return FalseIncident(verdict.ref, kind, verdict.severity.label, verdict.detectors, verdict.strength)


def _wrong(restrictions: Sequence[Restriction], attacks: Sequence[Instance], owners: Owners) -> list[WronglyActed]:
    """Each account once, with the first restriction on it that it had not earned."""
    found: dict[tuple[str, str], WronglyActed] = {}
    for one in sorted(restrictions, key=lambda one: (one.at, one.ref)):
        begun = [attack for attack in attacks if attack.tenant_id == one.tenant_id and attack.start <= one.at]
        offenders = frozenset().union(*(attack.offenders for attack in begun))
        if any(one.target in guilty(attack) for attack in begun):
            continue
        kind, principal = one.target
        accounts = (
            frozenset({principal})
            if kind is SubjectType.ACCOUNT
            # A principal that nobody knows is blamed as itself: better counted than forgotten.
            else owners.get((one.tenant_id, one.target), frozenset({f"{kind.value}:{principal}"}))
        )
        for account in sorted(accounts - offenders):
            found.setdefault((one.tenant_id, account), WronglyActed(account, one.tenant_id, one.effect.value, one.ref))
    return list(found.values())
