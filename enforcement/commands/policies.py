"""`vigil policies`: what would act, whether it is well-formed, and how to stop it."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from enforcement.commands.session import acting, moment, name_of, opened, span_of
from enforcement.policies import Policy, load_policies
from enforcement.policies.nearest import nearest
from enforcement.policies.policy import Mode, Rung
from enforcement.policies.yaml_lines import spelled
from vigil.errors import UsageError
from vigil.options import common, print_json, print_table
from vigil.record import kill_switches, policy_versions
from vigil.record.kill_switches import Scope
from vigil.settings import Settings


@click.group()
def policies() -> None:
    """List, show and check policies; the kill switch."""


def _folder(settings: Settings, folder: Path | None) -> tuple[Policy, ...]:
    return load_policies(folder or settings.policies)


FOLDER = click.option(
    "--policies", "folder", type=click.Path(path_type=Path), help="Folder of policy files; default: VIGIL_POLICIES."
)


@policies.command("list")
@FOLDER
@common
def list_them(settings: Settings, as_json: bool, folder: Path | None) -> None:
    """The policies that would decide now."""
    found = _folder(settings, folder)
    if as_json:
        for policy in found:
            print_json(_object(policy))
        return
    print_table(
        f"{len(found)} policy(ies); enforcement.mode is {settings.enforcement.mode}",
        ("policy", "mode", "when", "ladder", "page", "owner", "version"),
        (
            (
                one.name,
                _mode(one),
                one.when.text,
                " → ".join(map(_rung, one.ladder)),
                one.page or "",
                one.owner,
                one.version,
            )
            for one in found
        ),
    )


@policies.command()
@click.argument("name")
@click.option("--version", "version", help="A version that decided something; default: the file's.")
@FOLDER
@common
def show(settings: Settings, as_json: bool, name: str, version: str | None, folder: Path | None) -> None:
    """A policy's text, as it is or as it was."""
    if version is not None:
        with opened(settings) as record, record.read() as connection:
            kept = policy_versions.get(connection, name, version)
            known = [one.version for one in policy_versions.list_versions(connection, name)]
        if kept is None:
            hint = f"; versions that decided something: {', '.join(known)}" if known else "; it never decided anything"
            raise UsageError(f"there is no version {version} of policy {name}{hint}")
        if as_json:
            print_json(msgspec.structs.asdict(kept))
        else:
            click.echo(kept.source)
        return
    found = {policy.name: policy for policy in _folder(settings, folder)}
    if name not in found:
        raise UsageError(f"there is no policy {name!r}{nearest(name, found)}")
    if as_json:
        print_json(_object(found[name]))
    else:
        click.echo(f"# {found[name].file}, version {found[name].version}\n{found[name].source}")


@policies.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@common
def check(settings: Settings, as_json: bool, folder: Path | None) -> None:
    """Read every policy; exit status 2 with file, line and what was expected when one is wrong."""
    found = _folder(settings, folder)
    if as_json:
        print_json({"policies": len(found), "ok": True})
    else:
        click.echo(f"{len(found)} policy(ies) are well-formed: {', '.join(policy.name for policy in found)}")


@policies.group("kill-switch")
def kill_switch() -> None:
    """Stop everything, one policy or one tenant, with a reason and an end."""


@kill_switch.command("set")
@click.option("--policy", help="Stop this policy.")
@click.option("--tenant", help="Stop everything for this tenant.")
@click.option("--everything", is_flag=True, help="Stop every policy for every tenant.")
@click.option("--for", "span", required=True, help="For how long: 30m, 4h, 7d.")
@click.option("--reason", required=True)
@acting
@common
def engage(
    settings: Settings,
    as_json: bool,
    policy: str | None,
    tenant: str | None,
    everything: bool,
    span: str,
    reason: str,
    actor: str | None,
) -> None:
    """No effect goes out while it is set; what is in force stays. People are still paged."""
    if sum((policy is not None, tenant is not None, everything)) != 1:
        raise UsageError("say exactly one of --policy NAME, --tenant NAME and --everything")
    scope, name = (Scope.GLOBAL, "") if everything else (Scope.POLICY, policy) if policy else (Scope.TENANT, tenant)
    clock = settings.make_clock()
    with opened(settings) as record:
        switch = kill_switches.engage(
            record,
            clock,
            scope,
            name or "",
            owner=name_of(actor, settings),
            reason=reason,
            expires_at=clock.now() + span_of(span),
        )
    if as_json:
        print_json(msgspec.structs.asdict(switch))
    else:
        click.echo(f"{switch.switch_id} is set until {moment(switch.expires_at)} UTC")


@kill_switch.command()
@click.argument("switch_id")
@acting
@common
def release(settings: Settings, as_json: bool, switch_id: str, actor: str | None) -> None:
    """Take a switch back. What it stopped is decided again when its incident changes."""
    with opened(settings) as record:
        kill_switches.release(record, settings.make_clock(), switch_id, actor=name_of(actor, settings))
    if as_json:
        print_json({"released": switch_id})
    else:
        click.echo(f"{switch_id} is released")


@kill_switch.command("list")
@common
def list_switches(settings: Settings, as_json: bool) -> None:
    """The switches that are set."""
    with opened(settings) as record, record.read() as connection:
        found = kill_switches.active(connection, settings.make_clock().now())
    if as_json:
        for switch in found:
            print_json(msgspec.structs.asdict(switch))
        return
    print_table(
        f"{len(found)} kill switch(es) set",
        ("switch", "stops", "owner", "until (UTC)", "reason"),
        ((s.switch_id, f"{s.scope.value} {s.name}".strip(), s.owner, moment(s.expires_at), s.reason) for s in found),
    )


def _mode(policy: Policy) -> str:
    return f"canary {policy.canary_percent:g} %" if policy.mode is Mode.CANARY else policy.mode.value


def _rung(rung: Rung) -> str:
    length = "" if rung.duration is None else f" {spelled(rung.duration)}"
    return f"{rung.effect.value}{length}"


def _object(policy: Policy) -> dict[str, object]:
    return {
        "policy": policy.name,
        "version": policy.version,
        "owner": policy.owner,
        "mode": policy.mode,
        "tenants": None if policy.tenants is None else sorted(policy.tenants),
        "when": policy.when.text,
        "members": None if policy.members is None else policy.members.text,
        "principal": [kind.value for kind in policy.principals],
        "ladder": [
            {
                "effect": rung.effect,
                "parameters": rung.parameters,
                "for": None if rung.duration is None else spelled(rung.duration),
            }
            for rung in policy.ladder
        ],
        "page": policy.page,
        "file": policy.file,
    }
