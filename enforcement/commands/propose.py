"""`vigil actions propose`: a person wants an effect, another approves it."""

from __future__ import annotations

import click

from enforcement.commands.actions import actions
from enforcement.commands.session import acting, name_of, opened, principal, span_of
from enforcement.manual import propose
from enforcement.policies.policy import SEVERITY_ORDER
from enforcement.policies.reader import NEEDS_ONE_OF, PARAMETERS
from vigil.contract import action_object
from vigil.effect import EffectKind
from vigil.errors import UsageError
from vigil.options import common, print_json
from vigil.settings import Settings


@actions.command("propose")
@click.argument("target", metavar="TENANT/ACCOUNT")
@click.argument("effect", type=click.Choice([kind.value for kind in SEVERITY_ORDER if kind.restricts]))
@click.option("--for", "span", help="For how long: 30m, 24h, 7d; a suspension or ban may do without.")
@click.option("--rpm", type=click.IntRange(1), help="Requests a minute of a throttle.")
@click.option("--tpm", type=click.IntRange(1), help="Tokens a minute of a throttle.")
@click.option("--max-tokens", type=click.IntRange(1), help="Of an answer, for cap_tokens.")
@click.option("--model", help="For safer_model.")
@click.option("--incident", "incident_id", help="The incident it is about.")
@click.option("--reason", required=True)
@acting
@common
def propose_it(
    settings: Settings,
    as_json: bool,
    target: str,
    effect: str,
    span: str | None,
    rpm: int | None,
    tpm: int | None,
    max_tokens: int | None,
    model: str | None,
    incident_id: str | None,
    reason: str,
    actor: str | None,
) -> None:
    """Propose an effect on an account (or TENANT/api_key:ID, TENANT/end_user:ID, TENANT/org:ID); another approves it."""
    kind = EffectKind(effect)
    said = {"rpm": rpm, "tpm": tpm, "max_tokens": max_tokens, "model": model}
    parameters = {name: value for name, value in said.items() if value is not None}
    if stray := sorted(parameters.keys() - PARAMETERS[kind].keys()):
        raise UsageError(f"{effect} has no --{stray[0].replace('_', '-')}")
    needed = NEEDS_ONE_OF.get(kind, ())
    if needed and not parameters:
        raise UsageError(f"{effect} needs {' or '.join('--' + name.replace('_', '-') for name in needed)}")
    with opened(settings) as record:
        action = propose(
            record,
            settings.make_clock(),
            settings,
            principal(target),
            kind,
            name_of(actor, settings),
            reason,
            parameters=parameters,
            duration=None if span is None else span_of(span),
            incident_id=incident_id,
        )
    if as_json:
        print_json(action_object(action))
    else:
        click.echo(f"{action.action_id} waits for {action.approvals_needed} other person(s): `vigil actions approve`")
