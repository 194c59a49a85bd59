"""`vigil labels`: what people found incidents to be; detectors and policies are measured against it."""

from __future__ import annotations

import click
import msgspec

from enforcement.commands.session import acting, choices, moment, name_of, opened
from vigil.options import common, print_json, print_table
from vigil.record import labels as store
from vigil.record.labels import Verdict
from vigil.settings import Settings


@click.group()
def labels() -> None:
    """List, set and export what people found incidents to be."""


@labels.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@common
def list_them(settings: Settings, as_json: bool, limit: int) -> None:
    """Labels of incidents, newest first; those that were replaced are left out."""
    with opened(settings) as record, record.read() as connection:
        found = store.list_labels(connection, limit=limit)
    if as_json:
        for label in found:
            print_json(msgspec.structs.asdict(label))
        return
    print_table(
        f"{len(found)} label(s)",
        ("incident", "label", "at (UTC)", "by", "note"),
        ((one.incident_id, one.verdict.value, moment(one.at), one.actor, one.note) for one in found),
    )


@labels.command("set")
@click.argument("incident_id")
@click.argument("verdict", type=choices(Verdict))
@click.option("--note", default="")
@acting
@common
def set_it(settings: Settings, as_json: bool, incident_id: str, verdict: str, note: str, actor: str | None) -> None:
    """Say what an incident was; it takes the place of the label before, which is kept."""
    with opened(settings) as record:
        label = store.set_label(
            record, settings.make_clock(), incident_id, Verdict(verdict), name_of(actor, settings), note
        )
    if as_json:
        print_json(msgspec.structs.asdict(label))
    else:
        click.echo(f"{incident_id} is {verdict}")


@labels.command()
@common
def export(settings: Settings, as_json: bool) -> None:
    """Every label that counts, of incidents and of single subjects, one JSON object a line (also without --json)."""
    with opened(settings) as record, record.read() as connection:
        for label in store.list_labels(connection, limit=None):
            print_json(msgspec.structs.asdict(label))
        for of_subject in store.subject_labels(connection):
            print_json(msgspec.structs.asdict(of_subject))
