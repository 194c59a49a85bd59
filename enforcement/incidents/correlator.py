"""Signals to incidents: reading what is needed, deciding by `correlate`, storing what changed, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from enforcement.incidents.combine import Principal, offenders
from enforcement.incidents.correlate import Changes, Known, correlate, fingerprint_of
from vigil.clock import Clock
from vigil.incident import Incident, IncidentState
from vigil.log import get_logger
from vigil.metrics import INCIDENTS_OPENED
from vigil.permitted import PermittedPrincipals
from vigil.record import Record, actions, incidents, signals
from vigil.record.incidents import Verb
from vigil.signal import Signal, Subject, SubjectType
from vigil.warehouse.accounts import AccountDirectory

log = get_logger("correlate")

BATCH = 1_000


class Correlator:
    """Sorts signals that have no incident yet into incidents.

    `run` is idempotent: a signal is linked to its incident in the transaction that changes the incident, so a crash
    at any point loses and repeats nothing. `accounts` is asked only when there are permitted principals.
    """

    def __init__(
        self, record: Record, clock: Clock, accounts: AccountDirectory, permitted: PermittedPrincipals
    ) -> None:
        self._record = record
        self._clock = clock
        self._accounts = accounts
        self._permitted = permitted

    def run(self) -> int:
        """Place all waiting signals; returns their number.

        Raises RecordUnavailable or, with permitted principals, WarehouseUnavailable; nothing of the batch is stored
        then and the next run repeats it.
        """
        placed = 0
        while batch := self._run_batch():
            placed += batch
        return placed

    def _run_batch(self) -> int:
        with self._record.read() as connection:
            # Most looks find nothing: they take no write lock.
            if not signals.uncorrelated(connection, 1):
                return 0
        with self._record.write() as connection:
            waiting = signals.uncorrelated(connection, BATCH)
            if not waiting:
                return 0
            changes = correlate(waiting, self._known(connection, waiting), self._clock.now())
            self._store(connection, changes)
        for change in changes.changed:
            if change.verb is Verb.OPEN:
                incident = change.incident
                INCIDENTS_OPENED.labels(incident.kind.value, incident.severity.label).inc()
                log.info(
                    "incident opened",
                    incident_id=incident.incident_id,
                    kind=incident.kind.value,
                    severity=incident.severity.label,
                )
        return len(waiting)

    def _store(self, connection: Connection, changes: Changes) -> None:
        for change in changes.changed:
            incident = change.incident
            if change.verb is Verb.OPEN:
                stored = incidents.add(connection, incident, change.note)
                assert stored, f"{incident.incident_id} is open already, though no other writer ran"
            else:
                incidents.save(connection, incident, change.verb, change.note)
            if incident.merged_into is not None:
                incidents.relink_signals(connection, incident.incident_id, incident.merged_into)
            incidents.link_signals(connection, incident.incident_id, change.signal_ids)
        for signal_id, incident_id in changes.already_known:
            incidents.link_signals(connection, incident_id, [signal_id])

    def _known(self, connection: Connection, waiting: Sequence[Signal]) -> Known:
        found = self._related_incidents(connection, waiting)
        subjects = [(signal.tenant_id, signal.subjects) for signal in waiting]
        subjects += [(one.tenant_id, one.subjects) for one in found if not one.state.is_closed]
        return Known(
            incidents=found,
            permitted=self._permitted_among(subjects),
            effective=self._effective_among(connection, waiting, found),
        )

    def _related_incidents(self, connection: Connection, waiting: Sequence[Signal]) -> list[Incident]:
        fingerprints = {fingerprint_of(signal.tenant_id, signal.kind, signal.key) for signal in waiting}
        found = {one.incident_id: one for one in incidents.with_fingerprints(connection, fingerprints)}
        # Where merged ones went, which may itself have been merged.
        while missing := {one.merged_into for one in found.values() if one.merged_into} - set(found):
            for incident_id in missing:
                found[incident_id] = incidents.get(connection, incident_id)
        by_tenant: dict[str, set[Principal]] = {}
        for signal in waiting:
            by_tenant.setdefault(signal.tenant_id, set()).update(offenders(signal.subjects))
        since = min(signal.window.start for signal in waiting)
        for tenant_id, principals in by_tenant.items():
            for one in incidents.sharing_offenders(connection, tenant_id, principals, closed_since=since):
                found[one.incident_id] = one
        return sorted(found.values(), key=lambda one: (one.opened_at, one.incident_id))

    def _permitted_among(
        self, subjects: Iterable[tuple[str, tuple[Subject, ...]]]
    ) -> Mapping[tuple[str, Principal], str]:
        if not self._permitted.permissions:
            return {}
        by_tenant: dict[str, dict[SubjectType, set[str]]] = {}
        for tenant_id, group in subjects:
            for subject in group:
                by_tenant.setdefault(tenant_id, {}).setdefault(subject.type, set()).add(subject.id)
        now = self._clock.now()
        found: dict[tuple[str, Principal], str] = {}
        for tenant_id, by_type in by_tenant.items():
            for account, facts in self._accounts.lookup(tenant_id, by_type.get(SubjectType.ACCOUNT, ()), now).items():
                if reason := self._permitted.reason(tenant_id, account, facts.org_id, now):
                    found[tenant_id, (SubjectType.ACCOUNT, account)] = reason
            for org in by_type.get(SubjectType.ORG, ()):
                if reason := self._permitted.reason(tenant_id, None, org, now):
                    found[tenant_id, (SubjectType.ORG, org)] = reason
        return found

    def _effective_among(
        self, connection: Connection, waiting: Sequence[Signal], found: Sequence[Incident]
    ) -> frozenset[tuple[str, Principal]]:
        """Of the signals' offenders those with an effect in force; asked only when containment may depend on it."""
        contained = {one.tenant_id for one in found if one.state is IncidentState.CONTAINED}
        now = self._clock.now()
        return frozenset(
            (signal.tenant_id, principal)
            for signal in waiting
            if signal.tenant_id in contained
            for principal in offenders(signal.subjects)
            if actions.in_force(connection, signal.tenant_id, principal[0], principal[1], now)
        )
