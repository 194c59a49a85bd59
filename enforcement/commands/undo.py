"""`vigil actions undo`: preview what a mistake did, then reverse all of it."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from enforcement.commands.actions import actions
from enforcement.commands.session import acting, moment, name_of, opened, principal, time_of
from enforcement.undo import Preview, Selection, preview, undo
from vigil.options import common, print_json, print_table
from vigil.settings import Settings

_SHOWN = 50


@actions.command("undo")
@click.option("--policy", help="What this policy did.")
@click.option("--version", help="Only this version of the policy.")
@click.option("--incident", "incident_id", help="What was done because of this incident and those merged into it.")
@click.option("--ring", help="A ring incident: what ring incidents did to any of its members.")
@click.option("--account", metavar="TENANT/ACCOUNT", help="What was done to the account, its keys and end users.")
@click.option("--from", "since", help="Decided at or after this time, e.g. 2026-11-01T12:00:00Z.")
@click.option("--to", "until", help="Decided before this time.")
@click.option("--reason", help="Why, for the ledger and the owners; required with --yes.")
@click.option("--yes", is_flag=True, help="Do it; without it only the preview is shown.")
@acting
@common
def undo_them(
    settings: Settings,
    as_json: bool,
    policy: str | None,
    version: str | None,
    incident_id: str | None,
    ring: str | None,
    account: str | None,
    since: str | None,
    until: str | None,
    reason: str | None,
    yes: bool,
    actor: str | None,
) -> None:
    """Show who would be freed of what; with --yes end it all, restore the strikes and tell the owners.

    Run again after an interruption it goes on where it stopped; what is undone is not undone twice.
    """
    selection = Selection(
        policy=policy,
        version=version,
        incident_id=incident_id,
        ring=ring,
        target=None if account is None else principal(account),
        since=time_of(since, "--from"),
        until=time_of(until, "--to"),
    )
    clock = settings.make_clock()
    with opened(settings) as record:
        if not yes:
            with record.read() as connection:
                _show(preview(connection, selection, clock.now()), as_json)
            return
        done = undo(record, clock, selection, name_of(actor, settings), reason or "")
    if as_json:
        print_json(msgspec.structs.asdict(done))
    else:
        click.echo(
            f"{done.undo_id}: {done.actions} action(s) undone: {done.lifts} lift(s) on their way, {done.withdrawn} "
            f"withdrawn, {done.strikes} strike(s) removed, {done.notices} notice(s) to owners"
        )


def _show(seen: Preview, as_json: bool) -> None:
    counts: dict[str, Any] = {
        "ends": seen.ends,
        "withdrawn": seen.withdrawn,
        "strikes": seen.strikes,
        "notices": seen.notices,
        "principals": seen.principals,
        "by_effect": seen.by_effect,
    }
    if as_json:
        ids = [action.action_id for action in seen.actions]
        print_json({"preview": True, "actions": seen.total, **counts, "action_ids": ids})
        return
    print_table(
        f"{seen.total} action(s) on {seen.principals} principal(s) would be undone: {seen.ends} end, {seen.withdrawn} "
        f"held one(s) are withdrawn, {seen.strikes} strike(s) go; {seen.notices} notice(s) to owners",
        ("action", "at (UTC)", "effect", "target", "tenant", "state", "policy", "version"),
        (
            (
                one.action_id,
                moment(one.at),
                one.effect.value,
                f"{one.target.type.value} {one.target.id}",
                one.target.tenant_id,
                one.state.value,
                one.policy,
                one.policy_version,
            )
            for one in seen.actions[:_SHOWN]
        ),
    )
    if seen.total > _SHOWN:
        click.echo(f"… and {seen.total - _SHOWN} more; --json lists them all")
    if seen.total:
        click.echo("nothing was changed; add --yes --reason '…' to do it")
