"""`vigil enforce` and `vigil dispatch`: one turn of what the scheduler does all the time."""

from __future__ import annotations

import click

from enforcement.adapters import make_adapters
from enforcement.commands.session import opened
from enforcement.dispatcher import Dispatcher
from enforcement.engine import Enforcer
from enforcement.lifts import Lifter
from enforcement.policies import load_policies
from vigil.options import common, print_json
from vigil.permitted import PermittedPrincipals
from vigil.record import outbox
from vigil.settings import Settings
from vigil.warehouse import migrate, open_warehouse
from vigil.warehouse.accounts import WarehouseAccounts


@click.command()
@common
def enforce(settings: Settings, as_json: bool) -> None:
    """Evaluate policies on open incidents once."""
    policies = load_policies(settings.policies)
    permitted = PermittedPrincipals.load(settings.enforcement.exceptions_file)
    with opened(settings) as record:
        warehouse = open_warehouse(settings)
        try:
            migrate(warehouse)
            accounts = WarehouseAccounts(warehouse)
            decided = Enforcer(record, settings.make_clock(), settings, policies, accounts, permitted).run()
        finally:
            warehouse.close()
    if as_json:
        print_json({"decided": decided})
    else:
        click.echo(f"{decided} decision(s)")


@click.command()
@common
def dispatch(settings: Settings, as_json: bool) -> None:
    """End what is over, then deliver what is due, once."""
    clock = settings.make_clock()
    adapters = make_adapters(settings)
    with opened(settings) as record:
        lifted = Lifter(record, clock).run_once()
        dispatcher, tried = Dispatcher(record, clock, adapters, settings), 0
        while step := dispatcher.run_once():
            tried += step
        with record.read() as connection:
            waiting = outbox.count_pending(connection)
    if as_json:
        print_json({"lifted": lifted, "tried": tried, "waiting": waiting})
    else:
        click.echo(f"{lifted} effect(s) ended, {tried} delivery(ies) tried, {waiting} waiting")
