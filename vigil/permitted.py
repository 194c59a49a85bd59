"""Principals that may do what others may not (a red team), for a time and a reason.

Incidents about them are recorded but stay out of the queue; no policy restricts them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from vigil.errors import ConfigError


class Permission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the exceptions file: an organisation or an account of a tenant, until when, and why."""

    tenant_id: str
    reason: str
    org_id: str | None = None
    account_id: str | None = None
    until: datetime | None = None

    def covers(self, tenant_id: str, account_id: str | None, org_id: str | None, at: datetime) -> bool:
        """Whether this permission speaks of the principal at that time."""
        if tenant_id != self.tenant_id or (self.until is not None and at >= self.until):
            return False
        if self.account_id is not None:
            return account_id == self.account_id
        return org_id is not None and org_id == self.org_id


class PermittedPrincipals:
    """All permissions.

    >>> red_team = PermittedPrincipals([Permission(tenant_id="acme", org_id="red", reason="contract 1182")])
    >>> red_team.reason("acme", "a1", "red", datetime(2026, 1, 1))
    'contract 1182'
    """

    def __init__(self, permissions: Iterable[Permission] = ()) -> None:
        self.permissions = tuple(permissions)

    @classmethod
    def load(cls, file: Path | None) -> PermittedPrincipals:
        """Read a JSON array. Raises ConfigError naming the file and the entry."""
        if file is None:
            return cls()
        try:
            permissions = msgspec.json.decode(file.read_bytes(), type=list[Permission])
        except OSError as error:
            raise ConfigError(f"cannot read the exceptions file {file}: {error.strerror}") from error
        except msgspec.DecodeError as error:
            raise ConfigError(
                f"{file}: {error}; expected an array of {{tenant_id, org_id or account_id, until?, reason}}"
            ) from error
        for number, permission in enumerate(permissions):
            if (permission.org_id is None) == (permission.account_id is None):
                raise ConfigError(f"{file}: entry {number} must name exactly one of org_id and account_id")
            if permission.until is not None and permission.until.tzinfo is None:
                raise ConfigError(f"{file}: entry {number}: until needs a UTC offset, e.g. 2027-01-01T00:00:00Z")
        return cls(permissions)

    def reason(self, tenant_id: str, account_id: str | None, org_id: str | None, at: datetime) -> str | None:
        """Why the principal is permitted at that time; None when it is not."""
        for permission in self.permissions:
            if permission.covers(tenant_id, account_id, org_id, at):
                return permission.reason
        return None
