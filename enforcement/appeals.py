"""Appeals: whoever was restricted says so by the reference in the notice, and another person decides.

Overturned, the effect ends and is no strike, the incident gets a label that detectors and policies are measured
against, what the same policy did to others in cases still open is put before people again, and no rule acts on the
account for a time without a person.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, select

from enforcement import pages
from enforcement.undo import reverse, tell_owners
from vigil.clock import Clock
from vigil.effect import Action, ActionState, Target
from vigil.errors import UsageError
from vigil.incident import Incident, IncidentState
from vigil.record import Record, actions, approvals, incidents, labels, snoozes
from vigil.record import appeals as store
from vigil.record.action_rows import ON_DUTY
from vigil.record.appeals import Appeal, AppealOutcome
from vigil.record.schema import actions as action_table
from vigil.record.snoozes import SnoozeKind
from vigil.signal import SubjectType

PAUSE = timedelta(days=90)
"""How long no rule acts alone on an account after an appeal was overturned."""

NOTICE_UPHELD = "appeal-upheld"
MOST_SIMILAR = 50
"""Open cases that are raised again because of one appeal."""

_IMPOSED = (*ON_DUTY, ActionState.LIFTED)


def open_appeal(record: Record, clock: Clock, reference: str, statement: str, opened_by: str) -> Appeal:
    """Open an appeal against the action whose id is the reference.

    `opened_by` is who says so: the owner, or who took it down for them. Raises UsageError when the reference names
    nothing that was imposed, or an appeal against it is open.
    """
    if not opened_by.strip():
        raise UsageError("say who appeals")
    with record.write() as connection:
        action = actions.get(connection, reference)
        if not action.effect.restricts or action.state not in _IMPOSED:
            raise UsageError(f"action {reference} is {action.effect.value}, {action.state.value}: nothing was imposed")
        return store.add(connection, reference, statement, opened_by, clock.now())


def decide(record: Record, clock: Clock, appeal_id: str, outcome: AppealOutcome, actor: str, reason: str) -> Appeal:
    """One person's decision, final. Raises UsageError when it was decided, without a reason, and for whoever proposed
    or approved the action; the database refuses these as well."""
    if not reason.strip():
        raise UsageError("a decision on an appeal needs a reason: its owner is told")
    actions.as_person(actor)
    now = clock.now()
    with record.write() as connection:
        appeal = store.get(connection, appeal_id)
        if appeal.outcome is not None:
            raise UsageError(f"{appeal.decided_by} decided appeal {appeal_id} already: {appeal.outcome.value}")
        for said in approvals.of_action(connection, appeal.action_id):
            if said.actor == actor and said.verdict != approvals.REJECTED:
                raise UsageError(f"{actor} {said.verdict} the action; another person has to decide the appeal")
        decided = store.close(connection, appeal, outcome, actor, reason, now)
        action = actions.get(connection, appeal.action_id)
        if outcome is AppealOutcome.OVERTURNED:
            _overturn(connection, decided, action, actor, reason.strip(), now)
        else:
            notice = {"notice": NOTICE_UPHELD, "reason": "appeal upheld", "appeal_id": appeal_id}
            tell_owners(connection, [action], now, actor, f"{actor} upheld it: {reason.strip()}", notice)
        return decided


def _overturn(connection: Connection, appeal: Appeal, action: Action, actor: str, reason: str, now: datetime) -> None:
    reverse(connection, [action], now, actor, f"appeal {appeal.appeal_id} overturned by {actor}: {reason}")
    if action.incident_id is not None:
        labels.label_subject(
            connection, now, action.incident_id, action.target, labels.Verdict.FALSE_POSITIVE, actor, reason
        )
    why = f"appeal {appeal.appeal_id} was overturned: {reason}"
    snoozes.set_on_principal(connection, now, _account_of(action), now + PAUSE, actor, why, SnoozeKind.PAUSE)
    raised = _raise_again(connection, appeal, action, actor, now)
    if raised:
        pages.warn(
            connection,
            now,
            key=("appeal", appeal.appeal_id),
            target=action.target,
            title=f"{action.policy} was overturned on appeal: {len(raised)} similar open case(s) to look at again",
            what=f"{why}. The same version of {action.policy} acts in {', '.join(raised[:5])}"
            + (f" and {len(raised) - 5} more" if len(raised) > 5 else ""),
            do_now="look whether the same mistake was made there; `vigil actions undo --policy` reverses all of it",
            incident_id=action.incident_id,
        )


def _raise_again(connection: Connection, appeal: Appeal, action: Action, actor: str, now: datetime) -> list[str]:
    """Put open incidents in which the same policy version has effects in force before people again; their ids."""
    similar = (
        select(action_table.c.incident_id)
        .distinct()
        .where(
            action_table.c.policy == action.policy,
            action_table.c.policy_version == action.policy_version,
            action_table.c.tenant_id == action.target.tenant_id,
            action_table.c.state.in_([state.value for state in ON_DUTY]),
            action_table.c.action_id != action.action_id,
            action_table.c.incident_id.is_not(None),
        )
        .order_by(action_table.c.incident_id)
        .limit(MOST_SIMILAR)
    )
    raised: list[str] = []
    for incident_id in connection.execute(similar).scalars():
        incident = incidents.get(connection, incident_id)
        if incident.state.is_closed or incident.merged_into is not None:
            continue
        raised.append(incident_id)
        if incident.state is not IncidentState.OPEN:
            _reopen(connection, incident, appeal, actor, now)
    return raised


def _reopen(connection: Connection, incident: Incident, appeal: Appeal, actor: str, now: datetime) -> None:
    changed = msgspec.structs.replace(incident, state=IncidentState.OPEN, updated_at=max(now, incident.updated_at))
    note = f"appeal {appeal.appeal_id} against a similar action was overturned: look again"
    incidents.save(connection, changed, incidents.Verb.REOPEN, note, actor)


def _account_of(action: Action) -> Target:
    """The account that automation is paused for; the target itself where its account is not known."""
    if action.account_id is None:
        return action.target
    return Target(SubjectType.ACCOUNT, action.account_id, action.target.tenant_id)
