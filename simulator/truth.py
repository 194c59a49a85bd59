"""What really happened: written beside the traffic, never into it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from vigil.errors import UsageError, WorkspaceError
from vigil.signal import IncidentKind, SubjectRole, SubjectType


class TrueSubject(msgspec.Struct, frozen=True):
    """Somebody or something that took part, and how."""

    type: SubjectType
    id: str
    role: SubjectRole = SubjectRole.OFFENDER


class Instance(msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """One attack, or one harmless thing that looks like an attack (`lookalike`).

    `kinds`: incident kinds that describe it rightly; empty for a look-alike. `detectable_from`: the first moment at
    which enough had happened that somebody who sees all the traffic could have noticed.
    """

    scenario: str
    instance_id: str
    tenant_id: str
    lookalike: bool
    kinds: tuple[IncidentKind, ...]
    subjects: tuple[TrueSubject, ...]
    start: datetime
    end: datetime
    detectable_from: datetime | None
    summary: str
    facts: dict[str, str | int | float] = {}
    permitted_orgs: tuple[str, ...] = ()
    """Organisations that may do this: they belong on the list of exceptions of whoever replays it."""

    @property
    def offenders(self) -> frozenset[str]:
        """Ids of the accounts that an enforcement may restrict."""
        return frozenset(
            subject.id
            for subject in self.subjects
            if subject.type is SubjectType.ACCOUNT and subject.role is SubjectRole.OFFENDER
        )

    @property
    def accounts(self) -> frozenset[str]:
        """Ids of all accounts that took part, whatever their role."""
        return frozenset(subject.id for subject in self.subjects if subject.type is SubjectType.ACCOUNT)


class Truth(msgspec.Struct, frozen=True):
    """All instances of a simulation, and what makes it again."""

    seed: int
    scale: str
    start: datetime
    end: datetime
    instances: tuple[Instance, ...]

    def write(self, path: Path) -> None:
        """Write as indented JSON. Raises WorkspaceError."""
        write_json(path, self)

    def exceptions(self) -> list[dict[str, str]]:
        """Permitted principals, as `vigil replay --exceptions` reads them."""
        return [
            {"tenant_id": instance.tenant_id, "org_id": org, "reason": instance.summary}
            for instance in self.instances
            for org in instance.permitted_orgs
        ]

    @classmethod
    def read(cls, path: Path) -> Truth:
        """Read what `write` wrote. Raises UsageError."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError) as error:
            raise UsageError(f"{path} holds no truth of a simulation: {error}") from error


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON. Raises WorkspaceError."""
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    except OSError as error:
        raise WorkspaceError(f"cannot write {path}: {error.strerror}; choose another place") from error
