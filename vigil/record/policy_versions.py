"""Every version of every policy that ever decided, under the hash of its content: never changed, never removed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import Connection, insert, select

from vigil.record.schema import policy_versions

_CHUNK = 500


class PolicyVersion(msgspec.Struct, frozen=True):
    """One version of one policy and its text as it was loaded."""

    policy: str
    version: str
    source: str
    first_seen_at: datetime


def keep(connection: Connection, policy: str, version: str, source: str, at: datetime) -> bool:
    """Store a version; False when it is known."""
    if get(connection, policy, version) is not None:
        return False
    connection.execute(insert(policy_versions).values(policy=policy, version=version, source=source, first_seen_at=at))
    return True


def keep_all(connection: Connection, versions: Iterable[PolicyVersion]) -> None:
    """Store those of the versions that are not known."""
    wanted = {(one.policy, one.version): one for one in versions}
    known = select(policy_versions.c.policy, policy_versions.c.version)
    names = sorted({policy for policy, _ in wanted})
    for start in range(0, len(names), _CHUNK):
        chunk = known.where(policy_versions.c.policy.in_(names[start : start + _CHUNK]))
        for row in connection.execute(chunk):
            wanted.pop((row.policy, row.version), None)
    if wanted:
        connection.execute(insert(policy_versions), [msgspec.structs.asdict(one) for one in wanted.values()])


def get(connection: Connection, policy: str, version: str) -> PolicyVersion | None:
    """That version; None when it never decided anything here."""
    query = select(policy_versions).where(policy_versions.c.policy == policy, policy_versions.c.version == version)
    row = connection.execute(query).one_or_none()
    return None if row is None else PolicyVersion(row.policy, row.version, row.source, row.first_seen_at)


def list_versions(connection: Connection, policy: str | None = None) -> list[PolicyVersion]:
    """Versions by policy, first seen first."""
    query = select(policy_versions).order_by(policy_versions.c.policy, policy_versions.c.first_seen_at)
    if policy is not None:
        query = query.where(policy_versions.c.policy == policy)
    return [PolicyVersion(row.policy, row.version, row.source, row.first_seen_at) for row in connection.execute(query)]
