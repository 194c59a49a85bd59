"""`vigil actions`: what was decided, and a person's word on it."""

from __future__ import annotations

import click
import msgspec

from enforcement.commands.session import acting, choices, moment, name_of, opened
from vigil.contract import action_object
from vigil.effect import Action, ActionState, EffectKind
from vigil.options import common, print_json, print_table
from vigil.record import actions as store
from vigil.record import approvals, outbox, reversals
from vigil.settings import Settings


@click.group()
def actions() -> None:
    """List, show, approve and lift actions."""


@actions.command("list")
@click.option("--state", "states", multiple=True, type=choices(ActionState))
@click.option("--effect", "effects", multiple=True, type=choices(EffectKind))
@click.option("--incident", "incident_id")
@click.option("--policy")
@click.option("--tenant")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@common
def list_them(
    settings: Settings,
    as_json: bool,
    states: tuple[str, ...],
    effects: tuple[str, ...],
    incident_id: str | None,
    policy: str | None,
    tenant: str | None,
    limit: int,
) -> None:
    """Actions, newest decision first."""
    with opened(settings) as record, record.read() as connection:
        found = store.list_actions(
            connection,
            states=[ActionState(state) for state in states] or None,
            effects=[EffectKind(effect) for effect in effects] or None,
            incident_id=incident_id,
            policy=policy,
            tenant=tenant,
            limit=limit,
        )
    if as_json:
        for action in found:
            print_json(action_object(action))
        return
    print_table(
        f"{len(found)} action(s)",
        ("action", "at (UTC)", "effect", "target", "tenant", "state", "until (UTC)", "policy", "reason"),
        (
            (
                one.action_id,
                moment(one.at),
                one.effect.value,
                f"{one.target.type.value} {one.target.id}",
                one.target.tenant_id,
                one.state.value,
                moment(one.expires_at),
                one.policy,
                one.reason,
            )
            for one in found
        ),
    )


@actions.command()
@click.argument("action_id")
@common
def show(settings: Settings, as_json: bool, action_id: str) -> None:
    """One action in full: every stage's verdict, the facts it saw, its delivery, who spoke on it."""
    with opened(settings) as record, record.read() as connection:
        action = store.get(connection, action_id)
        said = approvals.of_action(connection, action_id)
        row = outbox.of_action(connection, action_id)
        lifts = store.lifts_of(connection, action_id)
    if as_json:
        delivery = {} if row is None else _delivery(row)
        people = [msgspec.structs.asdict(line) for line in said]
        print_json(msgspec.structs.asdict(action) | {"delivery": delivery, "approvals": people})
        return
    print_table(
        action.action_id,
        ("", ""),
        [
            ("effect", f"{action.effect.value} {msgspec.json.encode(action.parameters).decode()}"),
            ("target", f"{action.target.type.value} {action.target.id} of tenant {action.target.tenant_id}"),
            ("state", action.state.value),
            ("reason", action.reason),
            ("policy", f"{action.policy} {action.policy_version}"),
            ("incident", action.incident_id or ""),
            ("decided, until (UTC)", f"{moment(action.at)}, {moment(action.expires_at) or 'lifted'}"),
            ("confirmed, lifted (UTC)", f"{moment(action.confirmed_at)}, {moment(action.lifted_at)}"),
            ("lifted by", action.lifted_by or ""),
            ("lifts", ", ".join(f"{lift.action_id} ({lift.state.value})" for lift in lifts)),
            ("approvals", f"{sum(1 for line in said if line.verdict == 'approved')} of {action.approvals_needed}"),
            *((f"{line.verdict} by {line.actor}", f"{moment(line.at)} {line.note}") for line in said),
            *(() if row is None else ((name, value) for name, value in _delivery(row).items())),
        ],
    )
    print_table(
        "the gate",
        ("stage", "verdict", "why"),
        ((one.stage, one.verdict, one.reason) for one in action.trace),
    )
    facts = msgspec.json.format(msgspec.json.encode(action.facts), indent=2).decode()
    print_table("what it saw", ("facts",), [(facts,)])


@actions.command()
@click.argument("action_id")
@click.option("--note", default="")
@acting
@common
def approve(settings: Settings, as_json: bool, action_id: str, note: str, actor: str | None) -> None:
    """Say yes to a held action. With the last yes that is needed it goes out."""
    with opened(settings) as record:
        after = approvals.approve(record, settings.make_clock(), action_id, name_of(actor, settings), note)
        with record.read() as connection:
            yes = sum(1 for line in approvals.of_action(connection, action_id) if line.verdict == approvals.APPROVED)
    if after.state is ActionState.HELD:
        _say(as_json, after, f"{yes} of {after.approvals_needed} approvals; another person has to approve it")
    else:
        _say(as_json, after, f"{action_id} is approved and on its way")


@actions.command()
@click.argument("action_id")
@click.option("--reason", required=True)
@acting
@common
def reject(settings: Settings, as_json: bool, action_id: str, reason: str, actor: str | None) -> None:
    """Say no to a held action; no rule proposes it again on the same evidence."""
    with opened(settings) as record:
        after = approvals.reject(record, settings.make_clock(), action_id, name_of(actor, settings), reason)
    _say(as_json, after, f"{action_id} is rejected")


@actions.command()
@click.argument("action_id")
@click.option("--reason", required=True)
@acting
@common
def lift(settings: Settings, as_json: bool, action_id: str, reason: str, actor: str | None) -> None:
    """End an effect in force; no rule imposes it again on the same evidence."""
    with opened(settings) as record:
        after = reversals.lift(record, settings.make_clock(), action_id, name_of(actor, settings), reason)
    if after.effect is EffectKind.LIFT:
        _say(as_json, after, f"{action_id} is being lifted by {after.action_id}")
    else:
        _say(as_json, after, f"{action_id} had not gone out yet and was withdrawn")


def _say(as_json: bool, action: Action, text: str) -> None:
    if as_json:
        print_json(action_object(action))
    else:
        click.echo(text)


def _delivery(row: outbox.OutboxRow) -> dict[str, object]:
    return {
        "adapter": row.adapter,
        "delivery": row.state.value,
        "attempts": row.attempts,
        "next attempt (UTC)": moment(row.not_before) if row.state is outbox.OutboxState.PENDING else "",
        "last error": row.last_error or "",
    }
