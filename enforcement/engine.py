"""The enforcer: incidents that policies have not seen, decided on and stored in one transaction.

Action, ledger entry, outbox row and the mark that the policies have seen this revision are written together or not at
all, so a crash repeats the decision, and the same decision has the same id: running twice changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from enforcement.batch import Batch, Rules, TenantAccounts
from enforcement.decide import Matched, accounts_to_look_up, matching
from enforcement.policies.index import PolicyIndex
from enforcement.policies.policy import Policy
from vigil.clock import Clock
from vigil.permitted import PermittedPrincipals
from vigil.record import Record, incidents
from vigil.settings import Settings
from vigil.warehouse.accounts import AccountDirectory

_BATCH = 500
"""Incidents decided in one transaction: enough to share its cost, few enough to let other writers in."""


class Enforcer:
    """Evaluates policies on incidents with a revision they have not seen.

    `run` returns the number of decisions it stored. Raises WarehouseUnavailable when account facts cannot be read
    (without them nobody knows who is excepted) and RecordUnavailable; nothing is decided then.
    """

    def __init__(
        self,
        record: Record,
        clock: Clock,
        settings: Settings,
        policies: Sequence[Policy],
        accounts: AccountDirectory,
        permitted: PermittedPrincipals,
    ) -> None:
        self._record = record
        self._clock = clock
        self._accounts = accounts
        self._index = PolicyIndex(policies)
        self._rules = Rules(
            permitted=permitted,
            settings=settings.enforcement,
            protected=frozenset(settings.enforcement.protected),
        )

    def run(self) -> int:
        """Decide on everything that waits."""
        decided, seen = 0, -1
        while seen != 0:
            # Conditions are evaluated and accounts looked up before the record is locked.
            with self._record.read() as connection:
                waiting = incidents.unenforced(connection, _BATCH)
            if not waiting:
                return decided
            now = self._clock.now()
            found = [matching(self._index.candidates(incident), incident, now) for incident in waiting]
            known = self._look_up(found)
            with self._record.write() as connection:
                # Another process may have decided, or a signal may have changed an incident, since it was read.
                stand = incidents.revisions(connection, [matched.incident.incident_id for matched in found])
                current = [one for one in found if stand.get(one.incident.incident_id) == one.incident.revision]
                batch = Batch(self._rules, connection, now, known)
                batch.enforce(current)
                seen, decided = len(current), decided + batch.decided
        return decided

    def _look_up(self, found: Sequence[Matched]) -> dict[str, TenantAccounts]:
        """Account facts by tenant: read from the warehouse before the record is locked."""
        wanted: dict[str, set[str]] = defaultdict(set)
        shares: set[str] = set()
        for matched in found:
            tenant = matched.incident.tenant_id
            wanted[tenant] |= accounts_to_look_up(matched)
            if any(policy.budget.share_of_active_accounts is not None for policy in matched.policies):
                shares.add(tenant)
        now = self._clock.now()
        return {
            tenant: TenantAccounts(
                dict(self._accounts.lookup(tenant, ids, now)) if ids else {},
                self._accounts.count_active(tenant, now) if tenant in shares else None,
            )
            for tenant, ids in wanted.items()
        }
