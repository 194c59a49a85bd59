"""`vigil detect`."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import click

from vigil.errors import EXIT_FINDING, UsageError
from vigil.options import common, print_json
from vigil.settings import Settings


@click.command()
@click.option(
    "--since", metavar="TIME", help="Look at history from here, e.g. 2026-01-31T08:00:00Z (UTC without an offset)."
)
@click.option("--until", metavar="TIME", help="Up to here; default now.")
@common
@click.pass_context
def detect(ctx: click.Context, since: str | None, until: str | None, settings: Settings, as_json: bool) -> None:
    """Run every detector that is due, once; or over history.

    What they say is stored as signals; `vigil jobs` does the same all the time. Exit status 1 when a detector failed.
    """
    from detectors.runner import DetectorRunner
    from vigil.record import open_record
    from vigil.warehouse import migrate, open_warehouse

    clock = settings.make_clock()
    if until is not None and since is None:
        raise UsageError("--until needs --since: without them the windows that are due now are looked at")
    start = _moment("--since", since) if since is not None else None
    end = _moment("--until", until) if until is not None else clock.now()
    if start is not None and not start < end <= clock.now():
        raise UsageError(f"--since {start:%Y-%m-%dT%H:%M:%SZ} must lie before --until, and that not in the future")
    with closing(open_warehouse(settings)) as warehouse, closing(open_record(settings)) as record:
        migrate(warehouse)
        runner = DetectorRunner(warehouse, record, clock, settings)
        report = runner.run_range(start, end) if start is not None else runner.run_due()
    if as_json:
        print_json(report)
    else:
        looked = ", ".join(dict.fromkeys(report.ran)) or "no detector (nothing new has arrived, or nothing is due)"
        click.echo(f"{report.signals} new signals; looked: {looked}")
        for error in report.errors:
            click.echo(f"failed: {error}", err=True)
    if report.errors:
        ctx.exit(EXIT_FINDING)


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is not a time; write e.g. 2026-01-31T08:00:00Z") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
