"""Kill switches: stop everything, one policy or one tenant, with an owner, a reason and an end."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from vigil.clock import Clock
from vigil.errors import UsageError
from vigil.ids import prefixed
from vigil.record import ledger
from vigil.record.engine import Record
from vigil.record.incident_rows import storable
from vigil.record.schema import kill_switches


class Scope(enum.Enum):
    """What a switch stops."""

    GLOBAL = "global"
    POLICY = "policy"
    TENANT = "tenant"


class KillSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """One switch. `name` is the policy or tenant, empty for a global one."""

    switch_id: str
    scope: Scope
    name: str
    owner: str
    reason: str
    set_at: datetime
    expires_at: datetime
    released_at: datetime | None = None

    def stops(self, policy: str, tenant_id: str) -> bool:
        """Whether it speaks of this policy on this tenant."""
        if self.scope is Scope.GLOBAL:
            return True
        return self.name == (policy if self.scope is Scope.POLICY else tenant_id)


def engage(
    record: Record, clock: Clock, scope: Scope, name: str, *, owner: str, reason: str, expires_at: datetime
) -> KillSwitch:
    """Set a switch and say so in the ledger. Raises UsageError when it has no reason or would end in the past."""
    now = clock.now()
    if not reason.strip():
        raise UsageError("a kill switch needs a reason: whoever finds it set must know why")
    if expires_at <= now:
        raise UsageError(f"a kill switch has to end in the future, not at {expires_at.isoformat()}")
    if (scope is Scope.GLOBAL) != (name == ""):
        raise UsageError("name the policy or tenant to stop; a global switch names none")
    switch = KillSwitch(
        switch_id=prefixed("kill", scope.value, name, owner, now.isoformat()),
        scope=scope,
        name=storable(name),
        owner=storable(owner),
        reason=storable(reason),
        set_at=now,
        expires_at=expires_at,
    )
    with record.write() as connection:
        columns = {**msgspec.structs.asdict(switch), "scope": scope.value}
        connection.execute(insert(kill_switches).values(**columns))
        payload = {"switch_id": switch.switch_id, "scope": scope.value, "name": name, "reason": reason}
        ledger.append(connection, now, owner, "kill_switch_engaged", {**payload, "expires_at": expires_at})
    return switch


def release(record: Record, clock: Clock, switch_id: str, *, actor: str) -> None:
    """Take a switch back. Raises UsageError when it is not set."""
    now = clock.now()
    with record.write() as connection:
        if all(switch.switch_id != switch_id for switch in active(connection, now)):
            raise UsageError(
                f"no kill switch {switch_id} is set; `vigil policies kill-switch list` shows those that are"
            )
        connection.execute(update(kill_switches).where(kill_switches.c.switch_id == switch_id).values(released_at=now))
        ledger.append(connection, now, actor, "kill_switch_released", {"switch_id": switch_id})


def active(connection: Connection, now: datetime) -> list[KillSwitch]:
    """Switches set at `now`, oldest first."""
    query = select(kill_switches).where(kill_switches.c.released_at.is_(None), kill_switches.c.expires_at > now)
    return [_switch(row) for row in connection.execute(query.order_by(kill_switches.c.set_at))]


def stopping(switches: Iterable[KillSwitch], policy: str, tenant_id: str) -> KillSwitch | None:
    """The first of the switches that stops the policy on the tenant; None when none does."""
    return next((switch for switch in switches if switch.stops(policy, tenant_id)), None)


def _switch(row: Row[Any]) -> KillSwitch:
    return KillSwitch(
        switch_id=row.switch_id,
        scope=Scope(row.scope),
        name=row.name,
        owner=row.owner,
        reason=row.reason,
        set_at=row.set_at,
        expires_at=row.expires_at,
        released_at=row.released_at,
    )
