"""What policies have used of their budgets, counted in the transaction that decides, so that two deciders cannot both fit."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from vigil.effect import Target
from vigil.record import actions

HOUR = timedelta(hours=1)


class BudgetCounts:
    """Counts by policy and tenant, read once a transaction and moved along with its own decisions."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._since = now - HOUR
        self._imposed: dict[tuple[str, str], int] = {}
        self._in_force: dict[tuple[str, str], set[Target]] = {}

    def imposed_last_hour(self, policy: str, tenant_id: str) -> int:
        """Restricting effects that the policy imposed in the tenant during the last hour."""
        key = (policy, tenant_id)
        if key not in self._imposed:
            self._imposed[key] = actions.count_imposed(self._connection, policy, tenant_id, self._since)
        return self._imposed[key]

    def targets_in_force(self, policy: str, tenant_id: str) -> int:
        """Principals of the tenant that the policy restricts now."""
        return len(self._targets(policy, tenant_id))

    def spend(self, policy: str, tenant_id: str, target: Target) -> None:
        """One more effect was dispatched."""
        self._imposed[policy, tenant_id] = self.imposed_last_hour(policy, tenant_id) + 1
        self._targets(policy, tenant_id).add(target)

    def _targets(self, policy: str, tenant_id: str) -> set[Target]:
        key = (policy, tenant_id)
        if key not in self._in_force:
            self._in_force[key] = actions.targets_in_force(self._connection, policy, tenant_id)
        return self._in_force[key]
