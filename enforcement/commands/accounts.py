"""`vigil accounts`: what is in force for an account, and why."""

from __future__ import annotations

import click
import msgspec

from enforcement.commands.session import acting, moment, name_of, opened, principal, span_of
from vigil.contract import action_object, incident_object
from vigil.options import common, print_json, print_table
from vigil.record import actions, incidents, snoozes
from vigil.record.action_rows import target_key
from vigil.settings import Settings


@click.group()
def accounts() -> None:
    """What is in force for an account, and why."""


@accounts.command()
@click.argument("account", metavar="TENANT/ACCOUNT")
@common
def show(settings: Settings, as_json: bool, account: str) -> None:
    """Effects in force, incidents that name the account, and all that was ever decided on it."""
    target = principal(account)
    now = settings.make_clock().now()
    with opened(settings) as record, record.read() as connection:
        force = actions.in_force(connection, target.tenant_id, target.type, target.id, now)
        named = incidents.by_subject(connection, target.tenant_id, target.type, target.id)
        decided = actions.list_actions(connection, target=target)
        quiet = snoozes.active(connection, now, [target_key(target)])
    if as_json:
        print_json(
            {
                "tenant_id": target.tenant_id,
                "account_id": target.id,
                "snoozes": [msgspec.structs.asdict(snooze) for snooze in quiet],
                "in_force": [action_object(action) for action in force],
                "incidents": [incident_object(incident) for incident in named],
                "actions": [action_object(action) for action in decided],
            }
        )
        return
    print_table(
        f"in force for {account}" if force else f"nothing is in force for {account}",
        ("action", "effect", "since (UTC)", "until (UTC)", "policy", "state"),
        (
            (one.action_id, one.effect.value, moment(one.at), moment(one.expires_at), one.policy, one.state.value)
            for one in force
        ),
    )
    for snooze in quiet:
        until = moment(snooze.until)
        click.echo(f"{snooze.kind.value} until {until} UTC by {snooze.actor}: {snooze.reason} ({snooze.snooze_id})")
    print_table(
        f"{len(named)} incident(s)",
        ("incident", "severity", "state", "kind", "opened (UTC)", "title"),
        (
            (one.incident_id, one.severity.label, one.state.value, one.kind.value, moment(one.opened_at), one.title)
            for one in named
        ),
    )
    print_table(
        f"{len(decided)} decision(s)",
        ("action", "at (UTC)", "effect", "state", "policy", "reason"),
        ((a.action_id, moment(a.at), a.effect.value, a.state.value, a.policy, a.reason) for a in decided),
    )


@accounts.command()
@click.argument("account", metavar="TENANT/ACCOUNT")
@click.option("--for", "span", required=True, help="For how long: 30m, 4h, 7d.")
@click.option("--reason", required=True)
@acting
@common
def snooze(settings: Settings, as_json: bool, account: str, span: str, reason: str, actor: str | None) -> None:
    """No policy acts on the account, its keys and end users until then; what is in force stays."""
    clock = settings.make_clock()
    with opened(settings) as record:
        until = clock.now() + span_of(span)
        set_ = snoozes.snooze_principal(record, clock, principal(account), until, name_of(actor, settings), reason)
    if as_json:
        print_json(msgspec.structs.asdict(set_))
    else:
        click.echo(f"{set_.subject} is snoozed until {moment(set_.until)} UTC ({set_.snooze_id})")


@accounts.command()
@click.argument("snooze_id")
@acting
@common
def unsnooze(settings: Settings, as_json: bool, snooze_id: str, actor: str | None) -> None:
    """End a snooze, of an account or an incident, or a pause of automation before its time."""
    with opened(settings) as record:
        snoozes.release(record, settings.make_clock(), snooze_id, name_of(actor, settings))
    if as_json:
        print_json({"released": snooze_id})
    else:
        click.echo(f"{snooze_id} is over")
