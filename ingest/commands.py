"""`vigil ingest` and `vigil deadletters`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click

from vigil.errors import EXIT_DEPENDENCY, UsageError
from vigil.options import common, print_json, print_table
from vigil.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

PREVIEW_BYTES = 2_000


@click.command()
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Read a file (.jsonl, .gz, .zst, .parquet) instead of Kafka; may be repeated.",
)
@click.option("--dialect", default="canonical", show_default=True, help="Wire format of --file.")
@common
def ingest(files: Sequence[Path], dialect: str, settings: Settings, as_json: bool) -> None:
    """Consume the Kafka topics into ClickHouse until stopped, or read files."""
    if files:
        _ingest_files(files, dialect, settings, as_json)
    else:
        _consume(settings)


def _ingest_files(files: Sequence[Path], dialect: str, settings: Settings, as_json: bool) -> None:
    from ingest.files import ingest_file
    from vigil.warehouse import migrate, open_warehouse

    clock = settings.make_clock()
    with closing(open_warehouse(settings)) as warehouse:
        migrate(warehouse)
        for file in files:
            with _progress(file, shown=sys.stderr.isatty() and not as_json) as progress:
                report = ingest_file(file, settings, clock, warehouse, dialect=dialect, progress=progress)
            if as_json:
                print_json(report)
                continue
            done = f"{report.lines:,} lines, {report.written:,} written, {report.dead_lettered:,} dead letters"
            if report.imported_before:
                done += f" (going on after {report.imported_before:,} lines of an earlier import of this file)"
            hint = " (see `vigil deadletters list`)" if report.dead_lettered else ""
            click.echo(f"{report.file}: {done}{hint}")


@contextmanager
def _progress(file: Path, *, shown: bool) -> Iterator[Any]:
    """A bar on a terminal: bytes of the file, lines, rate."""
    if not shown or not file.is_file():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[lines]:,} lines, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(escape(file.name), total=file.stat().st_size, lines=0, rate=0.0)

        def show(size: int, lines: int) -> None:
            elapsed_s = bar.tasks[task].elapsed or 0.0
            bar.update(task, completed=size, lines=lines, rate=lines / elapsed_s if elapsed_s else 0.0)

        yield show


def _consume(settings: Settings) -> None:
    from ingest.consumer import SHUTDOWN_BUDGET_S, Consumer
    from vigil import metrics
    from vigil.broker import bootstrap_servers
    from vigil.warehouse import open_warehouse

    # The library reports every refused connection as an error of its own; what matters of it is said by us.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            # A hanging server must not hold the process: what is not stored stays in Kafka, killing is safe.
            deadline = threading.Timer(SHUTDOWN_BUDGET_S, os._exit, (EXIT_DEPENDENCY,))
            deadline.daemon = True
            deadline.start()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    if settings.ingest.metrics_port is not None:
        metrics.serve(settings.ingest.metrics_port)
    Consumer(settings, settings.make_clock(), open_warehouse(settings), bootstrap_servers(settings)).run(stop)


@click.group()
def deadletters() -> None:
    """Events that were not accepted: what they were, why, and another try."""


def _filters(command: F) -> F:
    """Options that say which dead letters are meant."""
    times = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])
    command = click.option("--since", type=times, help="Only dead since then (UTC unless it has an offset).")(command)
    command = click.option("--topic", help="Only from this Kafka topic.")(command)
    return click.option("--class", "error_class", help="Only of this class, e.g. `time_out_of_range`.")(command)


@deadletters.command("list")
@_filters
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="Newest first.")
@common
def list_command(
    error_class: str | None, topic: str | None, since: datetime | None, limit: int, settings: Settings, as_json: bool
) -> None:
    """The newest dead letters."""
    from ingest.deadletters import Filter, list_letters
    from vigil.warehouse import open_warehouse

    which = Filter(error_class=error_class, topic=topic, since=_utc(since))
    with closing(open_warehouse(settings)) as warehouse:
        letters = list_letters(warehouse, which, limit=limit)
    if as_json:
        for letter in letters:
            print_json(letter)
        return
    rows = [
        (letter.dead_letter_id, f"{letter.at:%Y-%m-%d %H:%M:%S}", letter.origin, letter.error_class, letter.reason)
        for letter in letters
    ]
    print_table("Dead letters", ("id", "at (UTC)", "where", "class", "reason"), rows)


@deadletters.command("show")
@click.argument("dead_letter_id", type=click.UUID)
@click.option("--raw", "as_raw", is_flag=True, help="Write the payload's bytes, and nothing else.")
@common
def show_command(dead_letter_id: uuid.UUID, as_raw: bool, settings: Settings, as_json: bool) -> None:
    """One dead letter and the beginning of its payload."""
    import base64

    import msgspec

    from ingest.deadletters import find_letter
    from vigil.warehouse import open_warehouse

    with closing(open_warehouse(settings)) as warehouse:
        letter, raw = find_letter(warehouse, dead_letter_id)
    if as_raw:
        click.echo(raw, nl=False)
        return
    fields = msgspec.to_builtins(letter)
    if as_json:
        print_json({**fields, "raw_base64": base64.b64encode(raw).decode()})
        return
    preview = raw[:PREVIEW_BYTES].decode(errors="replace") + (" …" if len(raw) > PREVIEW_BYTES else "")
    rows: list[tuple[str, object]] = [*fields.items(), ("origin", letter.origin), ("payload", preview)]
    print_table("Dead letter", ("field", "value"), rows)


@deadletters.command("requeue")
@click.argument("ids", nargs=-1, type=click.UUID)
@_filters
@click.option("--all", "everything", is_flag=True, help="Every dead letter.")
@common
def requeue_command(
    ids: tuple[uuid.UUID, ...],
    error_class: str | None,
    topic: str | None,
    since: datetime | None,
    everything: bool,
    settings: Settings,
    as_json: bool,
) -> None:
    """Run dead letters through ingest again and write those that are accepted now."""
    from ingest.deadletters import Filter, requeue
    from vigil.warehouse import open_warehouse

    which = Filter(ids=ids or None, error_class=error_class, topic=topic, since=_utc(since))
    if which == Filter() and not everything:
        raise UsageError("say which dead letters: ids, --class, --topic, --since, or --all")
    with closing(open_warehouse(settings)) as warehouse:
        report = requeue(warehouse, which, settings, settings.make_clock())
    if as_json:
        print_json(report)
        return
    click.echo(f"{report.tried:,} tried, {report.accepted:,} accepted and written")
    for name, count in sorted(report.still_bad.items()):
        click.echo(f"  {count:,} still {name}")


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
