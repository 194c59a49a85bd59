"""The oracle: once everything is quiet, the gateway's own log and the record must tell the same story."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from tests.faults.gateway import RuleKeepingGateway
from vigil.effect import ActionState, EffectKind
from vigil.record import Record, actions, ledger
from vigil.record.schema import incidents, outbox


@dataclass(frozen=True)
class Judgement:
    """What is wrong, in words: nothing, when all is well."""

    double: tuple[str, ...]
    """The gateway did something twice, or has in force what the record does not want."""
    lost: tuple[str, ...]
    """The record says something was done or is to be done, and the gateway never saw it or still has it in force."""


def judge(record: Record, gateway: RuleKeepingGateway) -> Judgement:
    """Compare action by action. AssertionError when the ledger does not verify or contradicts the actions."""
    double, lost = list(gateway.doubled), []
    with record.read() as connection:
        found = {one.action_id: one for one in actions.list_actions(connection, limit=None)}
        assert ledger.verify(connection).ok
        entries = ledger.entries(connection, limit=None)
        waiting = connection.execute(
            select(func.count()).select_from(incidents).where(incidents.c.enforced_revision < incidents.c.revision)
        ).scalar_one()
        pending = connection.execute(select(outbox.c.action_id).where(outbox.c.state == "pending")).scalars().all()
    if waiting:
        lost.append(f"{waiting} incidents were never decided on")
    lost += [f"{action_id} still waits in the outbox" for action_id in pending]
    for action in found.values():
        told = f"{action.effect.value} {action.action_id} on {action.target.id} is {action.state.value}"
        if action.effect.restricts:
            holds = action.action_id in gateway.in_force
            if action.state is ActionState.CONFIRMED and not holds:
                lost.append(f"{told}, but not in force at the gateway")
            if action.state is not ActionState.CONFIRMED and holds:
                double.append(f"{told}, but in force at the gateway")
        elif action.effect is not EffectKind.LIFT and action.state is ActionState.CONFIRMED:
            lost += [f"{told}, but the gateway never had it"] * (gateway.applied[action.action_id] == 0)
        if action.state is ActionState.DISPATCHED:
            lost.append(f"{told} after everything was quiet")
    double += [f"the gateway has {one}, which nobody decided" for one in gateway.in_force if one not in found]
    decided = [entry for entry in entries if entry.entry_type == "decided"]
    assert len(decided) >= len(found), "a decision without a line in the ledger"
    return Judgement(tuple(double), tuple(lost))
