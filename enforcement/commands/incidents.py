"""`vigil incidents`: the queue on the command line."""

from __future__ import annotations

from collections.abc import Callable

import click
import msgspec

from enforcement.commands.session import acting, choices, moment, name_of, opened, span_of
from vigil.clock import Clock
from vigil.contract import action_object, incident_object
from vigil.incident import Incident, IncidentState
from vigil.options import common, print_json, print_table
from vigil.record import Record, snoozes
from vigil.record import actions as action_store
from vigil.record import incidents as store
from vigil.settings import Settings
from vigil.signal import IncidentKind, Severity

_UNCLOSED = [state.value for state in IncidentState if not state.is_closed]


@click.group()
def incidents() -> None:
    """List, show, acknowledge, resolve and dismiss incidents."""


@incidents.command("list")
@click.option("--state", "states", multiple=True, type=choices(IncidentState), help="Default: all that are not closed.")
@click.option("--kind", "kinds", multiple=True, type=choices(IncidentKind))
@click.option("--severity", type=click.Choice([s.label for s in Severity]), help="This and above.")
@click.option("--tenant")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@common
def list_them(
    settings: Settings,
    as_json: bool,
    states: tuple[str, ...],
    kinds: tuple[str, ...],
    severity: str | None,
    tenant: str | None,
    limit: int,
) -> None:
    """Incidents, last changed first."""
    with opened(settings) as record, record.read() as connection:
        found = store.list_incidents(
            connection,
            states=[IncidentState(state) for state in states or _UNCLOSED],
            kinds=[IncidentKind(kind) for kind in kinds] or None,
            tenant=tenant,
            min_severity=None if severity is None else Severity[severity.upper()],
            limit=limit,
        )
    if as_json:
        for incident in found:
            print_json(incident_object(incident))
        return
    print_table(
        f"{len(found)} incident(s)",
        ("incident", "severity", "state", "kind", "tenant", "who", "opened (UTC)", "title"),
        (
            (
                one.incident_id,
                one.severity.label,
                one.state.value,
                one.kind.value,
                one.tenant_id,
                _who(one),
                moment(one.opened_at),
                one.title,
            )
            for one in found
        ),
    )


@incidents.command()
@click.argument("incident_id")
@common
def show(settings: Settings, as_json: bool, incident_id: str) -> None:
    """One incident in full: what, who, the evidence, what was done."""
    with opened(settings) as record, record.read() as connection:
        incident = store.get(connection, incident_id)
        history = store.log(connection, incident_id)
        done = action_store.list_actions(connection, incident_id=incident_id, limit=None)
    if as_json:
        lines = [msgspec.structs.asdict(line) for line in history]
        print_json(incident_object(incident) | {"log": lines, "actions": [action_object(one) for one in done]})
        return
    facts = [(name, value) for name, value in sorted(incident.evidence.facts.items())]
    print_table(
        incident.incident_id,
        ("", ""),
        [
            ("title", incident.title),
            ("summary", incident.summary),
            ("kind, severity, state", f"{incident.kind.value}, {incident.severity.label}, {incident.state.value}"),
            ("tenant", incident.tenant_id),
            ("opened, updated (UTC)", f"{moment(incident.opened_at)}, {moment(incident.updated_at)}"),
            ("traffic (UTC)", f"{moment(incident.window.start)} to {moment(incident.window.end)}"),
            ("detectors", ", ".join(f"{one.name} {one.score:.2f}" for one in incident.detectors)),
            ("events", ", ".join(incident.evidence.event_ids)),
            *facts,
        ],
    )
    print_table(
        f"{len(incident.subjects)} subject(s)",
        ("type", "id", "role", "score"),
        ((one.type.value, one.id, one.role.value, f"{one.score:.2f}") for one in incident.subjects),
    )
    print_table(
        f"{len(done)} action(s)",
        ("action", "at (UTC)", "effect", "target", "state", "reason"),
        ((a.action_id, moment(a.at), a.effect.value, a.target.id, a.state.value, a.reason) for a in done),
    )
    print_table(
        "history",
        ("at (UTC)", "who", "what", "note"),
        ((moment(line.at), line.actor, line.verb, line.note) for line in history),
    )


Verb = Callable[[Record, Clock, str, str, str], Incident]


def _verb(name: str, verb: Verb, help_text: str) -> None:
    @incidents.command(name, help=help_text)
    @click.argument("incident_id")
    @click.option("--note", default="", help="Why, for those who come after.")
    @acting
    @common
    def run(settings: Settings, as_json: bool, incident_id: str, note: str, actor: str | None) -> None:
        with opened(settings) as record:
            changed = verb(record, settings.make_clock(), incident_id, name_of(actor, settings), note)
        if as_json:
            print_json(incident_object(changed))
        else:
            click.echo(f"{changed.incident_id} is {changed.state.value}")


_verb("ack", store.acknowledge, "Somebody looks at it.")
_verb(
    "resolve",
    store.resolve,
    "It was real and is over. Effects in force stay until their time is over or they are lifted.",
)
_verb("dismiss", store.dismiss, "It was nothing. Effects in force stay: `vigil actions lift` ends them.")
_verb("reopen", store.reopen, "Back into the queue, and before the policies again.")


def _who(incident: Incident) -> str:
    if not incident.subjects:
        return ""
    more = len(incident.subjects) - 1
    return incident.subjects[0].id + (f" and {more} more" if more else "")


@incidents.command()
@click.argument("incident_id")
@click.option("--for", "span", required=True, help="For how long: 30m, 4h, 7d.")
@click.option("--reason", required=True)
@acting
@common
def snooze(settings: Settings, as_json: bool, incident_id: str, span: str, reason: str, actor: str | None) -> None:
    """No policy acts on the incident until then; people are still paged."""
    clock = settings.make_clock()
    with opened(settings) as record:
        with record.read() as connection:
            tenant = store.get(connection, incident_id).tenant_id
        until = clock.now() + span_of(span)
        set_ = snoozes.snooze_incident(record, clock, tenant, incident_id, until, name_of(actor, settings), reason)
    if as_json:
        print_json(msgspec.structs.asdict(set_))
    else:
        click.echo(f"{incident_id} is snoozed until {moment(set_.until)} UTC ({set_.snooze_id})")
