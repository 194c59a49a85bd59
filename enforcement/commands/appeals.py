"""`vigil actions appeals`: open by reference, decided by another person than the one who approved."""

from __future__ import annotations

import click
import msgspec

from enforcement.appeals import decide, open_appeal
from enforcement.commands.actions import actions
from enforcement.commands.session import acting, moment, name_of, opened
from vigil.options import common, print_json, print_table
from vigil.record import appeals as store
from vigil.record.appeals import Appeal, AppealOutcome
from vigil.settings import Settings


@actions.group()
def appeals() -> None:
    """Open, list and decide appeals."""


@appeals.command("open")
@click.argument("reference")
@click.option("--statement", required=True, help="What the appellant says.")
@click.option("--by", "opened_by", required=True, help="Who appeals: the owner, or who takes it down for them.")
@common
def open_it(settings: Settings, as_json: bool, reference: str, statement: str, opened_by: str) -> None:
    """Open an appeal against the action that REFERENCE (in the owner's notice) names."""
    with opened(settings) as record:
        appeal = open_appeal(record, settings.make_clock(), reference, statement, opened_by)
    _say(as_json, appeal, f"{appeal.appeal_id} is open")


@appeals.command("list")
@click.option("--all", "everything", is_flag=True, help="Decided ones too.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@common
def list_them(settings: Settings, as_json: bool, everything: bool, limit: int) -> None:
    """Open appeals, longest waiting first."""
    with opened(settings) as record, record.read() as connection:
        found = store.list_appeals(connection, open_only=not everything, limit=limit)
    if as_json:
        for appeal in found:
            print_json(msgspec.structs.asdict(appeal))
        return
    print_table(
        f"{len(found)} appeal(s)",
        ("appeal", "action", "opened (UTC)", "by", "statement", "outcome", "decided by", "reason"),
        (
            (
                one.appeal_id,
                one.action_id,
                moment(one.opened_at),
                one.opened_by,
                one.statement,
                "open" if one.outcome is None else one.outcome.value,
                one.decided_by or "",
                one.reason or "",
            )
            for one in found
        ),
    )


@appeals.command()
@click.argument("appeal_id")
@click.option("--reason", required=True)
@acting
@common
def uphold(settings: Settings, as_json: bool, appeal_id: str, reason: str, actor: str | None) -> None:
    """The action stands."""
    _decide(settings, as_json, appeal_id, AppealOutcome.UPHELD, reason, actor)


@appeals.command()
@click.argument("appeal_id")
@click.option("--reason", required=True)
@acting
@common
def overturn(settings: Settings, as_json: bool, appeal_id: str, reason: str, actor: str | None) -> None:
    """The action was wrong: it ends and is no strike, similar open cases are raised again, automation pauses."""
    _decide(settings, as_json, appeal_id, AppealOutcome.OVERTURNED, reason, actor)


def _decide(
    settings: Settings, as_json: bool, appeal_id: str, outcome: AppealOutcome, reason: str, actor: str | None
) -> None:
    with opened(settings) as record:
        appeal = decide(record, settings.make_clock(), appeal_id, outcome, name_of(actor, settings), reason)
    _say(as_json, appeal, f"{appeal_id} is {outcome.value}")


def _say(as_json: bool, appeal: Appeal, text: str) -> None:
    if as_json:
        print_json(msgspec.structs.asdict(appeal))
    else:
        click.echo(text)
