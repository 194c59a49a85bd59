"""`vigil accounts`: what is in force for an account, and why."""

from __future__ import annotations

import click

from enforcement.commands.session import moment, opened
from vigil.contract import action_object, incident_object
from vigil.effect import Target
from vigil.errors import UsageError
from vigil.options import common, print_json, print_table
from vigil.record import actions, incidents
from vigil.settings import Settings
from vigil.signal import SubjectType


@click.group()
def accounts() -> None:
    """What is in force for an account, and why."""


@accounts.command()
@click.argument("account", metavar="TENANT/ACCOUNT")
@common
def show(settings: Settings, as_json: bool, account: str) -> None:
    """Effects in force, incidents that name the account, and all that was ever decided on it."""
    tenant, slash, name = account.partition("/")
    if not slash or not tenant or not name:
        raise UsageError(f"expected TENANT/ACCOUNT, e.g. acme/{account.strip('/') or 'u-1042'}")
    now = settings.make_clock().now()
    with opened(settings) as record, record.read() as connection:
        force = actions.in_force(connection, tenant, SubjectType.ACCOUNT, name, now)
        named = incidents.by_subject(connection, tenant, SubjectType.ACCOUNT, name)
        decided = actions.list_actions(connection, target=Target(SubjectType.ACCOUNT, name, tenant))
    if as_json:
        print_json(
            {
                "tenant_id": tenant,
                "account_id": name,
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
