"""`vigil alerts`: who was paged about what, taking it on, and silences."""

from __future__ import annotations

from contextlib import suppress

import click
import msgspec

from enforcement.commands.session import acting, moment, name_of, opened
from enforcement.policies.yaml_lines import parse_span
from vigil.errors import UsageError
from vigil.options import common, print_json, print_table
from vigil.record import alerts as store
from vigil.record import incidents
from vigil.record import silences as quiet
from vigil.settings import Settings


@click.group()
def alerts() -> None:
    """List and acknowledge alerts; set, list and end silences."""


@alerts.command("list")
@common
def list_them(settings: Settings, as_json: bool) -> None:
    """Open alerts, oldest first."""
    with opened(settings) as record, record.read() as connection:
        found = store.open_alerts(connection)
    if as_json:
        for alert in found:
            print_json(msgspec.structs.asdict(alert))
        return
    print_table(
        f"{len(found)} open alert(s)",
        ("alert", "severity", "title", "receiver", "since (UTC)", "paged", "last (UTC)", "taken on by"),
        (
            (
                one.alert_id,
                one.severity,
                one.title,
                one.receiver,
                moment(one.opened_at),
                f"{one.notifications} times",
                moment(one.notified_at),
                one.acked_by or "nobody",
            )
            for one in found
        ),
    )


@alerts.command()
@click.argument("alert_id")
@click.option("--note", default="")
@acting
@common
def ack(settings: Settings, as_json: bool, alert_id: str, note: str, actor: str | None) -> None:
    """Take an alert on: it is neither repeated nor escalated. Acknowledges its incident as well."""
    clock, name = settings.make_clock(), name_of(actor, settings)
    with opened(settings) as record:
        alert = store.acknowledge(record, clock, alert_id, name, note)
        if alert.incident_id is not None and alert.incident_id == alert.group_key:
            with suppress(UsageError):  # somebody has done so already
                incidents.acknowledge(record, clock, alert.incident_id, name, note)
    if as_json:
        print_json(msgspec.structs.asdict(alert))
    else:
        click.echo(f"{name} has taken on {alert.title}")


@alerts.command()
@click.option("--match", "matchers", multiple=True, required=True, metavar="FIELD=VALUE")
@click.option("--for", "span", required=True, help="For how long: 30m, 4h, 7d.")
@click.option("--reason", required=True)
@acting
@common
def silence(
    settings: Settings, as_json: bool, matchers: tuple[str, ...], span: str, reason: str, actor: str | None
) -> None:
    """Keep pages that match from going out: `--match policy=ring-* --match tenant=acme`. All matchers have to fit.

    Fields: receiver, severity, tenant, incident, policy, title; `*` stands for anything. It ends by itself, also when it
    has kept no page for a day.
    """
    length = parse_span(span)
    if length is None:
        raise UsageError(f"--for expects a span such as 30m, 4h or 7d, not {span!r}")
    pairs = dict(matcher.partition("=")[::2] for matcher in matchers)
    clock = settings.make_clock()
    with opened(settings) as record:
        made = quiet.add(record, clock, pairs, name_of(actor, settings), reason, clock.now() + length)
    if as_json:
        print_json(msgspec.structs.asdict(made))
    else:
        click.echo(f"{made.silence_id} keeps pages until {moment(made.ends_at)} UTC")


@alerts.command()
@common
def silences(settings: Settings, as_json: bool) -> None:
    """The silences in force."""
    with opened(settings) as record, record.read() as connection:
        found = quiet.active(connection, settings.make_clock().now())
    if as_json:
        for one in found:
            print_json(msgspec.structs.asdict(one))
        return
    print_table(
        f"{len(found)} silence(s)",
        ("silence", "keeps", "author", "until (UTC)", "last used (UTC)", "reason"),
        (
            (
                one.silence_id,
                " ".join(f"{name}={value}" for name, value in one.matchers.items()),
                one.author,
                moment(one.ends_at),
                moment(one.used_at),
                one.reason,
            )
            for one in found
        ),
    )


@alerts.command()
@click.argument("silence_id")
@acting
@common
def unsilence(settings: Settings, as_json: bool, silence_id: str, actor: str | None) -> None:
    """End a silence before its time; what it kept is said again when it still burns."""
    with opened(settings) as record:
        quiet.release(record, settings.make_clock(), silence_id, name_of(actor, settings))
    if as_json:
        print_json({"released": silence_id})
    else:
        click.echo(f"{silence_id} is over")
