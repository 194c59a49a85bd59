"""`vigil replay`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import click

from vigil import log
from vigil.errors import UsageError
from vigil.options import common, print_json, print_table
from vigil.settings import Settings


class _Moment(click.ParamType[Any]):
    """A point in time as RFC 3339; without an offset it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time; write 2026-11-01T12:00:00Z or 2026-11-01", param, ctx)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the three files it writes.")
@click.option("--policies", type=click.Path(path_type=Path), help="Folder of policies; default: the configured ones.")
@click.option(
    "--policy-mode",
    type=click.Choice(["live", "as-configured"]),
    default="live",
    show_default=True,
    help="live: every policy acts, because nothing can leave; as-configured: as each policy says.",
)
@click.option("--exceptions", type=click.Path(path_type=Path), help="JSON array of principals that may do more.")
@click.option("--since", type=_Moment(), help="Events from this time on only.")
@click.option("--until", type=_Moment(), help="Events before this time only.")
@click.option(
    "--workspace", type=click.Path(path_type=Path), help="Folder for its data, kept; default: a temporary one."
)
@common
def replay(
    files: tuple[Path, ...],
    out: Path,
    policies: Path | None,
    policy_mode: str,
    exceptions: Path | None,
    since: datetime | None,
    until: datetime | None,
    workspace: Path | None,
    settings: Settings,
    as_json: bool,
) -> None:
    """The whole product over FILES of canonical events (.jsonl, .gz, .zst), in event time.

    Writes incidents.jsonl, actions.jsonl and summary.json into --out. Nothing leaves the machine, and the configured
    servers are not touched.
    """
    from jobs.replay import report
    from jobs.replay.run import run_replay
    from jobs.replay.source import ReplayRange

    if since is not None and until is not None and since >= until:
        raise UsageError(f"--since {since.isoformat()} is not before --until {until.isoformat()}")
    if settings.log.level == "info":
        log.configure("warning")  # the files say what was found
    settings = for_replay(settings, policies, policy_mode, exceptions)
    report.prepare(out)
    with _terminated_in_order(), _progress(as_json) as progress:
        outcome = run_replay(files, settings, out, ReplayRange(since, until), workspace, progress)
    for error, times in outcome.errors.items():
        click.echo(f"vigil: a detector failed {times} times: {error}", err=True)
    if as_json:
        print_json(outcome.summary)
    else:
        _print_summary(outcome.summary, out)
    if outcome.damage is not None:
        raise outcome.damage


def for_replay(settings: Settings, policies: Path | None, policy_mode: str, exceptions: Path | None) -> Settings:
    """The settings with the command's options in them."""
    enforcement = settings.enforcement.model_copy(
        update={
            "mode": policy_mode,
            "exceptions_file": exceptions or settings.enforcement.exceptions_file,
        }
    )
    return settings.model_copy(update={"enforcement": enforcement, "policies": policies or settings.policies})


@contextmanager
def _terminated_in_order() -> Iterator[None]:
    """SIGTERM ends like Ctrl-C, so that the server is stopped and the temporary workspace removed."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress(as_json: bool) -> Iterator[Callable[[int, int, datetime], None]]:
    """Called with bytes read, bytes in all and event time; shows a bar when somebody watches."""
    if as_json or not sys.stderr.isatty():
        yield lambda _read, _total, _now: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(read: int, total: int, now: datetime) -> None:
            bar.update(task, completed=read, total=total, description=f"{now:%Y-%m-%d %H:%M}")

        yield show


def _print_summary(summary: dict[str, Any], out: Path) -> None:
    events = summary["events"]
    click.echo(
        f"{events['read']:,} events read: {events['written']:,} written, {events['duplicates']:,} duplicates,"
        f" {events['dead_lettered']:,} dead-lettered; {summary['seconds']['total']:.1f} s,"
        f" {summary['events_per_second']:,.0f} events/s"
    )
    severities = ("low", "medium", "high", "critical")
    rows = [
        (kind, *(found.get(severity, 0) for severity in severities)) for kind, found in summary["incidents"].items()
    ]
    print_table("Incidents", ("kind", *severities), rows)
    print_table(
        "Actions",
        ("effect", "states"),
        [
            (effect, ", ".join(f"{number} {state}" for state, number in found.items()))
            for effect, found in summary["actions"].items()
        ],
    )
    click.echo(f"written to {out}/: {', '.join(sorted(path.name for path in out.glob('*.json*')))}")
