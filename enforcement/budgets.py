"""What policies have used of their budgets, counted in the transaction that decides, so that two deciders cannot both fit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from enforcement.policies.policy import Policy
from vigil.effect import Target
from vigil.record import actions

HOUR = timedelta(hours=1)


class BudgetCounts:
    """Counts by policy and tenant, read once a transaction and moved along with its own decisions."""

    def __init__(self, connection: Connection, now: datetime, policies: Iterable[Policy]) -> None:
        self._connection = connection
        hourly = sorted({policy.name for policy in policies if policy.budget.per_hour is not None})
        self._imposed = actions.counts_imposed(connection, hourly, now - HOUR)
        self._in_force: dict[tuple[str, str], set[Target]] = {}

    def imposed_last_hour(self, policy: Policy, tenant_id: str) -> int:
        """Restricting effects that the policy imposed in the tenant during the last hour; 0 when no budget asks."""
        return self._imposed.get((policy.name, tenant_id), 0)

    def targets_in_force(self, policy: Policy, tenant_id: str) -> int:
        """Principals of the tenant that the policy restricts now; 0 when no budget asks."""
        return 0 if policy.budget.share_of_active_accounts is None else len(self._targets(policy.name, tenant_id))

    def spend(self, policy: Policy, target: Target) -> None:
        """One more effect was dispatched."""
        key = (policy.name, target.tenant_id)
        self._imposed[key] = self._imposed.get(key, 0) + 1
        if policy.budget.share_of_active_accounts is not None:
            self._targets(*key).add(target)

    def _targets(self, policy: str, tenant_id: str) -> set[Target]:
        key = (policy, tenant_id)
        if key not in self._in_force:
            self._in_force[key] = actions.targets_in_force(self._connection, policy, tenant_id)
        return self._in_force[key]
