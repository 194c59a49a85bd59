"""`vigil ledger`: look at the chain, prove it, take it away."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from enforcement.checkpoints import Checkpointer, read_file
from enforcement.commands.session import moment, opened, time_of
from enforcement.exports.cases import kinds_of, read_cases
from enforcement.exports.statements import statement
from enforcement.exports.transparency import flat, report
from vigil.errors import EXIT_FINDING, UsageError
from vigil.options import common, print_json, print_table
from vigil.record import checkpoints
from vigil.record import ledger as store
from vigil.record.ledger import Head
from vigil.settings import Settings


@click.group()
def ledger() -> None:
    """Show, verify and export the ledger."""


@ledger.command()
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@click.option("--type", "entry_type", help="Only entries of this type, oldest first: decided, confirmed, lifted ...")
@click.option("--after", "after_seq", type=click.IntRange(0), help="Entries after this number, oldest first.")
@common
def show(settings: Settings, as_json: bool, limit: int, entry_type: str | None, after_seq: int | None) -> None:
    """Entries, newest first."""
    with opened(settings) as record, record.read() as connection:
        if entry_type is None and after_seq is None:
            found = store.latest(connection, limit)
        else:
            found = store.entries(connection, after_seq=after_seq or 0, entry_type=entry_type, limit=limit)
    if as_json:
        for entry in found:
            print_json(entry)
        return
    print_table(
        f"{len(found)} entry(ies)",
        ("seq", "at (UTC)", "actor", "type", "payload"),
        ((one.seq, moment(one.at), one.actor, one.entry_type, one.payload) for one in found),
    )


@ledger.command()
@click.option("--head", "noted", help="A head noted earlier, as SEQ:HASH: the chain must still contain it.")
@click.option(
    "--checkpoints",
    "kept",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Checkpoints kept elsewhere, one JSON object a line: the chain must contain them all.",
)
@click.option("--public-key", help="The key that must have signed the checkpoints, 64 hex digits.")
@common
def verify(settings: Settings, as_json: bool, noted: str | None, kept: Path | None, public_key: str | None) -> None:
    """Recompute every hash; exit status 1 names the first entry that was changed, is missing or was moved.

    The chain is also held against the signed checkpoints in the record. Keep checkpoints, or the head it prints,
    outside the database: against them, a chain that was cut off or rewritten together with them shows as well.
    """
    with opened(settings) as record, record.read() as connection:
        signed = [*checkpoints.stored(connection), *([] if kept is None else read_file(kept))]
        heads = [one.head for one in signed] + ([] if noted is None else [_head(noted)])
        found = store.verify(connection, heads)
    wrong = checkpoints.problems(signed, public_key)
    problem = found.problem or (wrong[0] if wrong else None)
    head = f"{found.head.seq}:{found.head.hash}"
    if as_json:
        counts = {"entries": found.entries, "checkpoints": len(signed)}
        print_json({"ok": problem is None, **counts, "head": head, "bad_seq": found.bad_seq, "problem": problem})
    elif problem is None:
        held = f"; {len(signed)} checkpoint(s) hold as well" if signed else ""
        click.echo(f"{found.entries} entries hold; head {head}{held}")
    else:
        click.echo(f"the ledger does not hold: {problem}; the {found.entries} entries before it do", err=True)
    if problem is not None:
        sys.exit(EXIT_FINDING)


@ledger.command()
@common
def checkpoint(settings: Settings, as_json: bool) -> None:
    """Sign the head of the ledger as the day's checkpoint, append it to the file of checkpoints, and print it."""
    with opened(settings) as record:
        checkpointer = Checkpointer(record, settings.make_clock(), settings)
        taken = checkpointer.run_once()
    if as_json:
        print_json({"taken": taken is not None, **({} if taken is None else msgspec.structs.asdict(taken))})
    elif taken is None:
        click.echo(f"the day has its checkpoint already (or the ledger is empty); {checkpointer.file} has them")
    else:
        click.echo(f"{taken.day}: {taken.seq}:{taken.hash}, signed with {taken.public_key}, in {checkpointer.file}")


_SINCE = click.option("--from", "since", help="From this time on, e.g. 2026-11-01.")
_UNTIL = click.option("--to", "until", help="Before this time.")


@ledger.command()
@_SINCE
@_UNTIL
@common
def statements(settings: Settings, as_json: bool, since: str | None, until: str | None) -> None:
    """Statements of reasons (fields of DSA Art. 17), one JSON object a line for each restriction that took effect."""
    with opened(settings) as record, record.read() as connection:
        cases = read_cases(connection, time_of(since, "--from"), time_of(until, "--to"))
        kinds = kinds_of(connection, cases)
        for case in cases:
            if case.in_force_at is not None:
                print_json(statement(case, kinds.get(case.incident_id or "")))


@ledger.command()
@_SINCE
@_UNTIL
@common
def transparency(settings: Settings, as_json: bool, since: str | None, until: str | None) -> None:
    """Counts for a transparency report (fields of DSA Art. 15 and 24) over what was decided in the span."""
    with opened(settings) as record, record.read() as connection:
        cases = read_cases(connection, time_of(since, "--from"), time_of(until, "--to"))
        counts = report(cases, kinds_of(connection, cases))
    if as_json:
        print_json(counts)
        return
    print_table("transparency", ("what", "number"), [(name, str(value)) for name, value in flat(counts)])


@ledger.command()
@click.option("--output", type=click.File("wb"), default="-", help="File to write; default: standard output.")
@common
def export(settings: Settings, as_json: bool, output: BinaryIO) -> None:
    """Every entry, oldest first, one JSON object a line (also without --json)."""
    with opened(settings) as record, record.read() as connection:
        for entry in store.stream(connection):
            output.write(msgspec.json.encode(entry) + b"\n")


def _head(text: str) -> Head:
    match = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text)
    if match is None:
        raise UsageError("--head expects SEQ:HASH as `vigil ledger verify` prints it")
    return Head(int(match[1]), match[2])
