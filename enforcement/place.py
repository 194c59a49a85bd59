"""Where a principal stands: end user → key → account → organisation, as far as it is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vigil.effect import Target
from vigil.incident import Incident
from vigil.record.action_rows import account_key, org_key, target_key
from vigil.signal import Subject, SubjectType
from vigil.warehouse.accounts import AccountFacts

_WITHIN_ACCOUNTS = (SubjectType.END_USER, SubjectType.API_KEY)


@dataclass(frozen=True)
class Place:
    """A principal with the wider ones it belongs to."""

    target: Target
    account_ids: tuple[str, ...]
    """Itself, or for a key or end user the accounts that the incident names."""
    org_id: str | None

    @property
    def account_id(self) -> str | None:
        """The one account it is or belongs to; None when it is not known or there are several."""
        return self.account_ids[0] if len(self.account_ids) == 1 else None

    @property
    def own_key(self) -> str:
        """Its key in the record."""
        return target_key(self.target)

    @property
    def wider_keys(self) -> tuple[str, ...]:
        """Keys of the account and the organisation it belongs to, without its own."""
        keys = []
        if self.account_id is not None and self.target.type is not SubjectType.ACCOUNT:
            keys.append(account_key(self.target.tenant_id, self.account_id))
        if self.org_id is not None and self.target.type is not SubjectType.ORG:
            keys.append(org_key(self.target.tenant_id, self.org_id))
        return tuple(keys)

    @property
    def kin_key(self) -> str | None:
        """The account or organisation whose other members' offences count as its own; None when none is known.

        For a key or end user its account, for an account or organisation itself.
        """
        if self.target.type in _WITHIN_ACCOUNTS:
            return None if self.account_id is None else account_key(self.target.tenant_id, self.account_id)
        return self.own_key if self.target.type in (SubjectType.ACCOUNT, SubjectType.ORG) else None

    def widened(self, to: SubjectType) -> Place | None:
        """The principal of a wider type that it belongs to; None when it is not known."""
        if to is SubjectType.ACCOUNT and self.account_id is not None:
            return Place(Target(to, self.account_id, self.target.tenant_id), self.account_ids, self.org_id)
        if to is SubjectType.ORG and self.org_id is not None:
            return Place(Target(to, self.org_id, self.target.tenant_id), (), self.org_id)
        return None


def place_of(subject: Subject, incident: Incident, accounts: Mapping[str, AccountFacts]) -> Place:
    """The place of a subject, as far as the incident and what is known of its accounts say."""
    target = Target(subject.type, subject.id, incident.tenant_id)
    ids = accounts_of(subject, incident)
    if subject.type is SubjectType.ORG:
        return Place(target, ids, subject.id)
    orgs = {accounts[account].org_id for account in ids if account in accounts}
    return Place(target, ids, orgs.pop() if len(orgs) == 1 else None)


def accounts_of(subject: Subject, incident: Incident) -> tuple[str, ...]:
    """The accounts a principal belongs to: for a key or end user, those that the incident names."""
    if subject.type is SubjectType.ACCOUNT:
        return (subject.id,)
    if subject.type is SubjectType.ORG:
        return ()
    return tuple(dict.fromkeys(other.id for other in incident.subjects if other.type is SubjectType.ACCOUNT))
