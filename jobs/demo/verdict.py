"""Was it found, was it contained, was anybody wronged? Compares the record with the truth. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from simulator.truth import Instance, Truth
from vigil.effect import Action, ActionState
from vigil.incident import Incident
from vigil.signal import Severity, SubjectRole, SubjectType

CONTAINED_SHARE = 0.8
"""An attack counts as contained when this share of its accounts has a confirmed restriction."""

_IMPOSED = (ActionState.DISPATCHED, ActionState.CONFIRMED, ActionState.LIFTED)


class AttackVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """How one attack went. Times are None for what did not happen."""

    instance: Instance
    incidents: tuple[Incident, ...]
    """Of a fitting kind, MEDIUM or higher, naming at least one of its accounts as offender; first opened first."""
    actions: tuple[Action, ...]
    restricted: frozenset[str]
    contained_at: datetime | None

    @property
    def found_at(self) -> datetime | None:
        """When the first incident opened."""
        return self.incidents[0].opened_at if self.incidents else None

    @property
    def contained(self) -> bool:
        """Whether enough of its accounts are restricted."""
        return self.contained_at is not None

    @property
    def share(self) -> float:
        """Share of its accounts that are restricted."""
        return len(self.restricted) / len(self.instance.offenders)


class LookalikeVerdict(msgspec.Struct, frozen=True):
    """How one look-alike fared: incidents in the queue that accuse its accounts, and effects on them."""

    instance: Instance
    incidents: tuple[Incident, ...]
    actions: tuple[Action, ...]

    @property
    def untouched(self) -> bool:
        """Neither accused nor acted on."""
        return not self.incidents and not self.actions


class Verdict(msgspec.Struct, frozen=True):
    """The whole performance."""

    attacks: tuple[AttackVerdict, ...]
    lookalikes: tuple[LookalikeVerdict, ...]
    innocent: tuple[Action, ...]
    """Restrictions of accounts that took part in no attack."""
    other_incidents: tuple[Incident, ...]
    """Incidents in the queue that belong to no attack and no look-alike."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What went wrong, one sentence each; none when all is well."""
        found = []
        for attack in self.attacks:
            name = attack.instance.scenario
            if not attack.incidents:
                found.append(f"{name} was not found")
            elif not attack.contained:
                found.append(
                    f"{name} was found but not contained: {len(attack.restricted)} of {len(attack.instance.offenders)}"
                    f" accounts are restricted, at least {CONTAINED_SHARE:.0%} should be"
                )
        for lookalike in self.lookalikes:
            name = lookalike.instance.scenario
            found += [
                f"the harmless {name} stands in incident {incident.incident_id}" for incident in lookalike.incidents
            ]
            if lookalike.actions:
                found.append(f"the harmless {name} was touched: {len(lookalike.actions)} effects")
        found += [
            f"{action.target.id} was {action.effect.value}ed by {action.policy}, innocent" for action in self.innocent
        ]
        return tuple(found)


def judge(
    truth: Truth, incidents: Sequence[Incident], actions: Sequence[Action], owners: Mapping[tuple[str, str], str]
) -> Verdict:
    """Compare. `owners`: account id by (tenant, api key), for effects on keys."""
    offenders = {account for instance in truth.instances if not instance.lookalike for account in instance.offenders}
    queue = sorted(
        (incident for incident in incidents if incident.severity >= Severity.MEDIUM and incident.merged_into is None),
        key=lambda incident: incident.opened_at,
    )
    imposed = [action for action in actions if action.effect.restricts and action.state in _IMPOSED]
    attacks = tuple(_attack(instance, queue, imposed, owners) for instance in truth.instances if not instance.lookalike)
    lookalikes = tuple(
        LookalikeVerdict(
            instance,
            tuple(incident for incident in queue if _accused(incident) & (instance.accounts - offenders)),
            tuple(action for action in imposed if _account(action, owners) in instance.accounts - offenders),
        )
        for instance in truth.instances
        if instance.lookalike
    )
    claimed = {incident.incident_id for attack in attacks for incident in attack.incidents}
    claimed |= {incident.incident_id for lookalike in lookalikes for incident in lookalike.incidents}
    return Verdict(
        attacks,
        lookalikes,
        tuple(action for action in imposed if _account(action, owners) not in offenders),
        tuple(incident for incident in queue if incident.incident_id not in claimed),
    )


def _attack(
    instance: Instance, queue: Sequence[Incident], imposed: Sequence[Action], owners: Mapping[tuple[str, str], str]
) -> AttackVerdict:
    incidents = tuple(
        incident
        for incident in queue
        if incident.tenant_id == instance.tenant_id
        and incident.kind in instance.kinds
        and _accused(incident) & instance.offenders
    )
    actions = tuple(action for action in imposed if _account(action, owners) in instance.offenders)
    confirmed: dict[str, datetime] = {}
    for action in actions:
        if action.confirmed_at is not None:
            account = _account(action, owners)
            confirmed[account] = min(confirmed.get(account, action.confirmed_at), action.confirmed_at)
    needed = math.ceil(CONTAINED_SHARE * len(instance.offenders))
    order = sorted(confirmed.values())
    return AttackVerdict(
        instance=instance,
        incidents=incidents,
        actions=actions,
        restricted=frozenset(confirmed),
        contained_at=order[needed - 1] if len(order) >= needed else None,
    )


def _accused(incident: Incident) -> frozenset[str]:
    return frozenset(
        subject.id
        for subject in incident.subjects
        if subject.type is SubjectType.ACCOUNT and subject.role is SubjectRole.OFFENDER
    )


def _account(action: Action, owners: Mapping[tuple[str, str], str]) -> str:
    if action.target.type is SubjectType.API_KEY:
        return owners.get((action.target.tenant_id, action.target.id), action.target.id)
    return action.target.id
