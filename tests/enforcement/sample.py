"""Incidents, policies and a small world for the tests of enforcement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from enforcement.adapters import RecordingAdapter, make_recording_adapters
from enforcement.dispatcher import Dispatcher
from enforcement.engine import Enforcer
from enforcement.lifts import Lifter
from enforcement.policies.policy import Policy
from enforcement.policies.reader import read_policy
from vigil.clock import SimulatedClock
from vigil.effect import Action, Target
from vigil.incident import DetectorSupport, Evidence, Incident, IncidentState
from vigil.permitted import PermittedPrincipals
from vigil.record import Record, actions, incidents
from vigil.settings import EnforcementSettings, Settings
from vigil.signal import IncidentKind, Severity, Subject, SubjectRole, SubjectType, Window
from vigil.warehouse.accounts import AccountFacts, StaticAccounts

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

RING_THROTTLE = """
policy: ring-throttle
owner: trust
mode: live
when: incident.kind == "coordinated_ring" && incident.severity >= MEDIUM
targets: {members: member.score >= 0.8}
ladder:
  - throttle: {rpm: 10, for: 24h}
  - suspend: {for: 7d}
  - ban
approval: {from: never, because: the tests approve what they mean to}
agreement: {families: 1, because: the ring of the tests has one detector}
"""


def member(name: str, score: float = 0.95, role: SubjectRole = SubjectRole.OFFENDER) -> Subject:
    return Subject(SubjectType.ACCOUNT, name, score, role)


def account(name: str, tenant: str = "acme") -> Target:
    return Target(SubjectType.ACCOUNT, name, tenant)


def ring(*members: str | Subject, incident_id: str = "inc_1", **fields: Any) -> Incident:
    """A ring of high severity, found just now."""
    base = Incident(
        incident_id=incident_id,
        tenant_id="acme",
        kind=IncidentKind.COORDINATED_RING,
        severity=Severity.HIGH,
        state=IncidentState.OPEN,
        fingerprint=incident_id,
        title="3 accounts act as one",
        summary="They send the same template.",
        opened_at=NOW,
        updated_at=NOW,
        window=Window(NOW - HOUR, NOW),
        subjects=tuple(one if isinstance(one, Subject) else member(one) for one in members),
        detectors=(DetectorSupport("shared_template", "1", "coordination", 0.97, p_value=1e-9),),
        evidence=Evidence((), {"template_share": 0.4}),
    )
    return msgspec.structs.replace(base, **fields)


def policy(folder: Path, text: str, **replace: str) -> Policy:
    """The policy in `text`, with fields replaced or added by name."""
    lines: list[str] = []
    dropping = False
    for line in text.strip().splitlines():
        if not line.startswith(" "):
            dropping = line.split(":")[0] in replace
        if not dropping:
            lines.append(line)
    file = folder / "policy.yaml"
    file.write_text("\n".join([*lines, *(f"{name}: {value}" for name, value in replace.items() if value)]))
    return read_policy(file)


@dataclass
class World:
    """A record with everything that acts on it, under a clock that stands still."""

    record: Record
    policies: Sequence[Policy]
    clock: Any = field(default_factory=lambda: SimulatedClock(NOW))
    facts: Mapping[tuple[str, str], AccountFacts] = field(default_factory=dict)
    permitted: PermittedPrincipals = field(default_factory=PermittedPrincipals)
    enforcement: EnforcementSettings = field(default_factory=EnforcementSettings)
    recorder: RecordingAdapter = field(default_factory=RecordingAdapter)

    @property
    def settings(self) -> Settings:
        return Settings(enforcement=self.enforcement)

    def enforcer(self) -> Enforcer:
        accounts = StaticAccounts(self.facts)
        return Enforcer(self.record, self.clock, self.settings, self.policies, accounts, self.permitted)

    def open(self, *found: Incident) -> None:
        with self.record.write() as connection:
            for incident in found:
                assert incidents.add(connection, incident)

    def update(self, incident_id: str, **fields: Any) -> None:
        """New evidence: the incident as the correlator would save it."""
        with self.record.write() as connection:
            before = incidents.get(connection, incident_id)
            changed = msgspec.structs.replace(before, updated_at=self.clock.now(), **fields)
            incidents.save(connection, changed, incidents.Verb.UPDATE)

    def enforce(self) -> int:
        return self.enforcer().run()

    def dispatch(self) -> int:
        adapters = make_recording_adapters(self.recorder)
        dispatcher = Dispatcher(self.record, self.clock, adapters, self.settings)
        done = 0
        while step := dispatcher.run_once():
            done += step
        return done

    def lift(self) -> int:
        return Lifter(self.record, self.clock).run_once()

    def settle(self) -> None:
        """Lift, enforce and deliver all there is."""
        self.lift()
        self.enforce()
        self.dispatch()

    def actions(self, **filters: Any) -> list[Action]:
        """Actions, oldest first."""
        with self.record.read() as connection:
            found = actions.list_actions(connection, limit=None, **filters)
        return sorted(found, key=lambda action: (action.at, action.target.id, action.effect.value))

    def states(self, **filters: Any) -> list[tuple[str, str, str]]:
        """(target, effect, state) of the actions."""
        return [(one.target.id, one.effect.value, one.state.value) for one in self.actions(**filters)]

    def incident(self, incident_id: str = "inc_1") -> Incident:
        with self.record.read() as connection:
            return incidents.get(connection, incident_id)
