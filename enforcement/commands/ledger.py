"""`vigil ledger`: look at the chain, prove it, take it away."""

from __future__ import annotations

import re
import sys
from typing import BinaryIO

import click
import msgspec

from enforcement.commands.session import moment, opened
from vigil.errors import EXIT_FINDING, UsageError
from vigil.options import common, print_json, print_table
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
@common
def verify(settings: Settings, as_json: bool, noted: str | None) -> None:
    """Recompute every hash; exit status 1 names the first entry that was changed, is missing or was moved.

    Note the head it prints outside the database: against it, a chain that was cut off or rewritten shows as well.
    """
    with opened(settings) as record, record.read() as connection:
        found = store.verify(connection, None if noted is None else _head(noted))
    head = f"{found.head.seq}:{found.head.hash}"
    if as_json:
        print_json(
            {"ok": found.ok, "entries": found.entries, "head": head, "bad_seq": found.bad_seq, "problem": found.problem}
        )
    elif found.ok:
        click.echo(f"{found.entries} entries hold; head {head}")
    else:
        click.echo(f"the ledger does not hold: {found.problem}; the {found.entries} entries before it do", err=True)
    if not found.ok:
        sys.exit(EXIT_FINDING)


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
