"""Actions with their reason and the way through the gate, and what a person may do with the selected ones."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import routes, session
from dashboard.elements.action_verbs import action_buttons
from dashboard.elements.records_table import Badge, Cell, Column, Detail, Row, records_table
from dashboard.look import palette
from dashboard.views.actions import STATE_ORDER, approvals_on, can_be_lifted
from dashboard.views.incident import facts_in_words
from dashboard.views.moments import ago, epoch_ms, until, utc
from dashboard.views.words import STATE_MEANING, capital, effect, long_parameters, words
from vigil.effect import Action, ActionState
from vigil.record.approvals import APPROVED, Approval
from vigil.signal import SubjectType

_NEVER_IN_FORCE = (ActionState.SUPPRESSED, ActionState.SHADOW, ActionState.FAILED)


def actions_table(
    key: str, actions: Sequence[Action], *, incident: bool = False, target: bool = True, opened: str | None = None
) -> None:
    """The table and its buttons. `incident` and `target` show those columns; the row of action `opened` is unfolded."""
    toolbar = st.container()
    columns = [
        Column("state", "State", "badges"),
        Column("effect", "Effect"),
        *([Column("target", "On whom", "mono", width="11em")] if target else []),
        Column("at", "Decided", "time"),
        Column("until", "Ends", "time"),
        Column("policy", "Policy"),
        *([Column("incident", "Incident", "id")] if incident else []),
        Column("reason", "Why"),
    ]
    with session.record().read() as connection:
        said = approvals_on(connection, actions)
    chosen = records_table(
        key,
        columns,
        [_row(action, said.get(action.action_id, ()), opened) for action in actions],
        caption="Actions",
        selectable=True,
        height=620,
    )
    with toolbar:
        action_buttons(key, [action for action in actions if action.action_id in set(chosen)], actions)


def _row(action: Action, said: Sequence[Approval], opened: str | None) -> Row:
    now = session.now()
    account = action.target.type is SubjectType.ACCOUNT
    over = action.state in (ActionState.LIFTED, ActionState.SUPPRESSED)
    return Row(
        id=action.action_id,
        faded=over,
        fixed=action.state is not ActionState.HELD and not can_be_lifted(action, now),
        expanded=action.action_id == opened,
        cells={
            "state": Cell(
                badges=(Badge(words(action.state), palette.ACTION_STATE[action.state], STATE_MEANING[action.state]),),
                sort=STATE_ORDER.index(action.state),
            ),
            "effect": Cell(text=effect(action)),
            "target": Cell(
                text=action.target.id,
                sub=("" if account else f"{words(action.target.type)} · ") + action.target.tenant_id,
                href=routes.account(action.target.tenant_id, action.target.id) if account else "",
            ),
            "at": Cell(text=ago(action.at, now), title=f"{utc(action.at)} UTC", sort=epoch_ms(action.at)),
            "until": _until(action),
            "policy": Cell(text=action.policy),
            "incident": Cell(
                text=action.incident_id or "–", href=routes.incident(action.incident_id) if action.incident_id else ""
            ),
            "reason": Cell(text=action.reason, tone="quiet"),
        },
        detail=_details(action, said),
    )


def _until(action: Action) -> Cell:
    now = session.now()
    if action.state is ActionState.LIFTED:
        return Cell(
            text=ago(action.lifted_at, now),
            sub=f"by {action.lifted_by}" if action.lifted_by else "",
            title=f"lifted {utc(action.lifted_at)} UTC",
            sort=epoch_ms(action.lifted_at),
        )
    if action.lifted_by is not None:
        return Cell(text="being lifted", sub=f"by {action.lifted_by}", sort=epoch_ms(action.lift_decided_at))
    if action.state in _NEVER_IN_FORCE:
        return Cell(text="–", sort=0)
    if action.expires_at is None:
        return Cell(text="–" if not action.effect.restricts else "no end", sort=0)
    return Cell(
        text=until(action.expires_at, now), title=f"{utc(action.expires_at)} UTC", sort=epoch_ms(action.expires_at)
    )


def _details(action: Action, said: Sequence[Approval]) -> tuple[Detail, ...]:
    gate = tuple(
        Badge(
            f"{verdict.stage}: {verdict.verdict}", palette.VERDICT.get(verdict.verdict, "quiet"), after=verdict.reason
        )
        for verdict in action.trace
    )
    times = [("decided", action.at), ("confirmed", action.confirmed_at), ("lifted", action.lifted_at)]
    return (
        Detail("Reason", action.reason),
        *(Detail(capital(name), text, block=True) for name, text in long_parameters(action)),
        *((Detail("Gate", badges=gate),) if gate else ()),
        *((Detail("Persons", _persons(action, said)),) if action.state is ActionState.HELD else ()),
        Detail("Policy", f"{action.policy}, version {action.policy_version}"),
        Detail("Times", " · ".join(f"{name} {utc(moment)} UTC" for name, moment in times if moment)),
        *(
            (Detail("Saw", "; ".join(f"{name}: {value}" for name, value in facts_in_words(action.facts))),)
            if action.facts
            else ()
        ),
        Detail("Action", action.action_id),
    )


def _persons(action: Action, said: Sequence[Approval]) -> str:
    yes = sum(1 for line in said if line.verdict == APPROVED)
    lines = [f"{yes} of {action.approvals_needed} approvals", *(f"{line.verdict} by {line.actor}" for line in said)]
    return "; ".join(lines)
