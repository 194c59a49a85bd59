"""`vigil jobs`: the scheduler process, its list of jobs, and one job by hand."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import closing
from types import FrameType

import click

from vigil.errors import EXIT_DEPENDENCY, VigilError, WorkspaceError
from vigil.options import common, print_json, print_table
from vigil.settings import Settings


@click.group(invoke_without_command=True)
@click.pass_context
@common
def jobs(ctx: click.Context, settings: Settings, as_json: bool) -> None:
    """The scheduler: detects, correlates, enforces, dispatches and lifts, on schedule.

    Without a subcommand it runs until it is told to stop (SIGTERM or Ctrl-C), then finishes what it has begun. Of
    several schedulers one is active, the others wait to take over.
    """
    ctx.obj = settings
    if ctx.invoked_subcommand is None:
        _serve(settings)


def _serve(settings: Settings) -> None:
    from jobs.scheduler import Scheduler
    from jobs.startup import Stopped, make_leadership, open_loop
    from vigil import metrics

    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if settings.jobs.metrics_port is not None:
        try:
            metrics.serve(settings.jobs.metrics_port)
        except OSError as error:
            raise WorkspaceError(
                f"cannot serve metrics on 127.0.0.1:{settings.jobs.metrics_port}: {error.strerror};"
                " choose another jobs.metrics_port"
            ) from error
    try:
        loop = open_loop(settings, stop, wait=True)
    except Stopped:
        return
    unfinished = Scheduler(loop, settings, make_leadership(loop, settings)).run(stop)
    if unfinished:
        click.echo(
            f"vigil: {', '.join(unfinished)} did not end in time and was cut off; its next run repeats what is missing",
            err=True,
        )
        sys.stderr.flush()
        # A thread that hangs would keep the interpreter from ending; what it had not committed is rolled back.
        os._exit(EXIT_DEPENDENCY)
    loop.close()


@jobs.command("list")
@common
def list_jobs(settings: Settings, as_json: bool) -> None:
    """Every job: cadence, deadline, owner, last run, and what it means when it fails."""
    from jobs.catalogue import CATALOGUE
    from jobs.runs import last_runs
    from vigil.record import open_record

    record = open_record(settings)
    with record.read() as connection:
        last = last_runs(connection)
    record.close()
    for job in CATALOGUE if as_json else ():
        print_json(
            {
                "job": job.name,
                "every_s": job.every(settings.jobs).total_seconds(),
                "deadline_s": job.deadline.total_seconds(),
                "owner": job.owner,
                "does": job.does,
                "fails_as": job.fails_as,
                "last_run": last.get(job.name),
            }
        )
    if not as_json:
        runs = [
            (
                job.name,
                f"{job.every(settings.jobs).total_seconds():g} s",
                f"{job.deadline.total_seconds():g} s",
                f"{run.outcome.value} at {run.started_at:%Y-%m-%d %H:%M:%S}: {run.detail}"
                if (run := last.get(job.name))
                else "never",
            )
            for job in CATALOGUE
        ]
        print_table("Jobs", ("job", "every", "deadline", "last run (UTC)"), runs)
        meanings = [(job.name, job.owner, job.does, job.fails_as) for job in CATALOGUE]
        print_table("What they are for", ("job", "owner", "does", "while it fails"), meanings)


@jobs.command("run")
@click.argument("name")
@common
def run_job(name: str, settings: Settings, as_json: bool) -> None:
    """Run the job NAME once, now, whoever is active. Safe beside a running scheduler: every step is idempotent."""
    from jobs.catalogue import find
    from jobs.runs import Outcome, claim, finish
    from jobs.startup import open_loop

    job = find(name)
    loop = open_loop(settings, threading.Event(), wait=False)
    with closing(loop):
        at = loop.clock.now()
        with loop.record.write() as connection:
            claim(connection, job.name, at, at)
        outcome, detail = Outcome.FAILED, "stopped by an unexpected error"
        try:
            detail = job.run(loop)
            outcome = Outcome.OK
        except VigilError as error:
            detail = str(error)
            raise
        finally:
            with loop.record.write() as connection:
                finish(connection, job.name, at, outcome, detail, loop.clock.now())
    if as_json:
        print_json({"job": job.name, "outcome": outcome, "detail": detail})
    else:
        click.echo(f"{job.name}: {detail}")
