"""Policies by tenant and kind, so that an incident is held against those alone that can match it."""

from __future__ import annotations

from collections.abc import Iterable

from enforcement.policies.policy import Policy
from vigil.incident import Incident

_MOST_KEYS = 10_000
"""Pairs of tenant and kind that are remembered."""


class PolicyIndex:
    """Policies in the order of their names. What is left out could not match; what is given may still not."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self.policies = tuple(sorted(policies, key=lambda policy: policy.name))
        self._found: dict[tuple[str, str], tuple[Policy, ...]] = {}

    def candidates(self, incident: Incident) -> list[Policy]:
        """Policies for the incident's tenant, kind and severity."""
        key = incident.tenant_id, incident.kind.value
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _MOST_KEYS:
                self._found.clear()
            found = self._found[key] = tuple(
                policy
                for policy in self.policies
                if policy.covers(key[0]) and (policy.kinds is None or key[1] in policy.kinds)
            )
        return [policy for policy in found if policy.least_severity <= incident.severity]
