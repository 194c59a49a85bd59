"""What a person does with actions: approve, reject, lift. One or many at a time, each with who and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import streamlit as st

from dashboard import session
from dashboard.elements.flash import attempt_each
from dashboard.look.markup import element
from dashboard.views.actions import can_be_lifted
from dashboard.views.literal import literal
from dashboard.views.words import count, effect
from vigil.clock import Clock
from vigil.effect import Action, ActionState
from vigil.record import Record, approvals, reversals

_SHOWN = 8


class ActionVerb(msgspec.Struct, frozen=True):
    """A verb: its words on screen, the store's function, and whether it needs a reason."""

    name: str
    label: str
    explained: str
    said: str
    do: Callable[[Record, Clock, str, str, str], Action]
    needs_reason: bool


APPROVE = ActionVerb(
    "approve",
    "Approve",
    "Your yes goes on the ledger. With the last one needed the action goes out; its duration counts from then.",
    "approved",
    approvals.approve,
    needs_reason=False,
)
REJECT = ActionVerb(
    "reject",
    "Reject",
    "The action is not carried out, and no rule proposes it again on the same evidence.",
    "rejected",
    approvals.reject,
    needs_reason=True,
)
LIFT = ActionVerb(
    "lift",
    "Lift",
    "The effect ends. What a person lifted, no rule imposes again on the same evidence.",
    "lifted, or on the way to be",
    reversals.lift,
    needs_reason=True,
)


def action_buttons(key: str, chosen: Sequence[Action], listed: Sequence[Action]) -> None:
    """Buttons for the selected actions, and for all held ones of the list when nothing is selected."""
    now = session.now()
    held = [action for action in chosen if action.state is ActionState.HELD]
    liftable = [action for action in chosen if can_be_lifted(action, now)]
    if not chosen:
        held = [action for action in listed if action.state is ActionState.HELD]
        if not held and not any(can_be_lifted(action, now) for action in listed):
            return
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"{key}_toolbar"):
        all_ = "" if chosen else "all "
        for verb, targets in ((APPROVE, held), (REJECT, held), (LIFT, liftable)):
            if targets and st.button(
                f"{verb.label} {all_}{len(targets)} {'held' if verb is not LIFT else 'in force'}…",
                key=f"{key}_{verb.name}",
                type="primary" if verb is APPROVE and chosen else "secondary",
            ):
                _ask(verb, targets)
        hint = f"{count(len(chosen), 'action')} selected" if chosen else "Select actions in force to lift them."
        st.html(element("span", hint, classes="v-muted"))


def _ask(verb: ActionVerb, targets: Sequence[Action]) -> None:
    @st.dialog(f"{verb.label} {count(len(targets), 'action')}")
    def dialog() -> None:
        lines = [f"{effect(action)}: {literal(action.target.id, 60)}" for action in targets[:_SHOWN]]
        if len(targets) > _SHOWN:
            lines.append(f"and {len(targets) - _SHOWN} more")
        st.html(
            element(
                "div",
                element("p", verb.explained, classes="v-muted"),
                element("ul", *(element("li", line) for line in lines), classes="v-list"),
            )
        )
        st.text_input(
            "Reason" if verb.needs_reason else "Note",
            key=f"{verb.name}_reason",
            placeholder="The ledger keeps it beside your name" if verb.needs_reason else "Optional",
        )
        if st.button(
            f"{verb.label} {count(len(targets), 'action')}",
            key=f"{verb.name}_confirmed",
            type="primary",
            on_click=_perform,
            args=(verb, [action.action_id for action in targets]),
        ):
            st.rerun()

    dialog()


def _perform(verb: ActionVerb, action_ids: Sequence[str]) -> None:
    reason = str(st.session_state.get(f"{verb.name}_reason") or "")
    waiting: list[Action] = []

    def one(action_id: str) -> None:
        action = verb.do(session.record(), session.clock(), action_id, session.analyst(), reason)
        if verb is APPROVE and action.state is ActionState.HELD:
            waiting.append(action)

    def said(number: int) -> str:
        more = f" {count(len(waiting), 'action')} still held: another person has to approve." if waiting else ""
        return f"{count(number, 'action')} {verb.said}.{more}"

    attempt_each(action_ids, one, said=said)
