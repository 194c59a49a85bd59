"""The commands of the service on one machine: up, down, status, check, doctor. Imports are lazy: `--help` stays quick."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vigil.options import common, print_json
from vigil.settings import Settings

if TYPE_CHECKING:
    from vigil.local.addresses import Addresses


@click.command()
@click.option("--detach", is_flag=True, help="Return once everything runs; `vigil down` ends it.")
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(["ingest", "receive", "jobs", "dashboard"]),
    help="Leave this process out; may be repeated.",
)
@common
def up(settings: Settings, as_json: bool, detach: bool, without: tuple[str, ...]) -> None:
    """Start the whole service on this machine.

    Runs ClickHouse and a Kafka broker in the workspace (VIGIL_WORKSPACE), unless VIGIL_CLICKHOUSE__URL and
    VIGIL_KAFKA__BOOTSTRAP_SERVERS name others, brings the schemas up to date, creates the topics, and runs
    `vigil ingest`, `vigil jobs` and `vigil dashboard`, and `vigil receive` where tokens are configured. A process that dies is started again. Ctrl-C stops all.
    """

    # `common` reads this option itself; the processes get it as it was typed.
    config = click.get_current_context().params["config"]

    def started(addresses: Addresses) -> None:
        _print_addresses(settings, addresses, as_json=as_json, detached=detach)

    if detach:
        from vigil.local.detached import start_detached

        arguments = [] if config is None else ["--config", str(config.absolute())]
        for name in without:
            arguments += ["--without", name]
        started(start_detached(settings, arguments))
    else:
        from vigil.local.run import run_in_foreground
        from vigil.local.service import PROCESSES, Service

        wanted = ("receive", *PROCESSES) if settings.receive.configured else PROCESSES
        processes = [name for name in wanted if name not in without]
        run_in_foreground(Service(settings, processes=processes, config=config, say=_say), _say, started)


@click.command()
@common
def down(settings: Settings, as_json: bool) -> None:
    """Stop the service of this workspace and wait until its last process has ended."""
    from vigil.local.detached import stop_from_outside

    stopped = stop_from_outside(settings, _say)
    if as_json:
        print_json({"stopped": stopped, "workspace": str(settings.workspace.absolute())})
    else:
        click.echo("stopped" if stopped else f"nothing runs in {settings.workspace.absolute()}")


@click.command()
@common
def status(settings: Settings, as_json: bool) -> None:
    """What runs, and whether it is well; exit status 1 when something is not."""
    from vigil.local.finding import report
    from vigil.local.status import look

    report(look(settings), as_json=as_json)


@click.command()
@click.option(
    "--migrate", is_flag=True, help="First bring both schemas up to date and create missing topics (for a deployment)."
)
@common
def check(settings: Settings, as_json: bool, migrate: bool) -> None:
    """Validate configuration, policies, connections and schemas; exit status 1 when something is wrong.

    Changes nothing unless --migrate is given.
    """
    from vigil.local.check import look, prepare
    from vigil.local.finding import report

    if migrate:
        for line in prepare(settings):
            click.echo(line, err=True)
    report(look(settings), as_json=as_json)


@click.command()
@common
def doctor(settings: Settings, as_json: bool) -> None:
    """What is wrong on this machine, and how to mend it; exit status 1 when something is."""
    from vigil.local.doctor import look
    from vigil.local.finding import report

    report(look(settings), as_json=as_json)


def _say(sentence: str) -> None:
    click.echo(sentence, err=True)


def _print_addresses(settings: Settings, addresses: Addresses, *, as_json: bool, detached: bool) -> None:
    workspace = settings.workspace.absolute()
    if as_json:
        # Without the ClickHouse URL: it carries a password, and output ends up in logs.
        print_json(
            {
                "supervisor_pid": addresses.supervisor_pid,
                "bootstrap_servers": addresses.bootstrap_servers,
                "dashboard_url": addresses.dashboard_url,
                "workspace": str(workspace),
            }
        )
        return
    click.echo("vigil runs.")
    if addresses.dashboard_url is not None:
        click.echo(f"  dashboard   {addresses.dashboard_url}")
    click.echo(f"  Kafka       {addresses.bootstrap_servers}")
    click.echo(f"  workspace   {workspace} (data, logs)")
    click.echo("  stop it with `vigil down`" + ("" if detached else " or Ctrl-C"))
