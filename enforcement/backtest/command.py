"""`vigil backtest`: a candidate policy on history, before it acts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from enforcement.backtest.run import Backtest, Question
from enforcement.backtest.traffic import WarehouseTraffic
from enforcement.commands.policies import FOLDER
from enforcement.commands.session import opened, time_of
from enforcement.policies import Policy, load_policies
from enforcement.policies.nearest import nearest
from enforcement.policies.reader import read_policy
from vigil.errors import UsageError
from vigil.options import common, print_json, print_table
from vigil.permitted import PermittedPrincipals
from vigil.settings import Settings
from vigil.warehouse import open_warehouse
from vigil.warehouse.accounts import WarehouseAccounts

_SPAN = timedelta(days=30)


@click.command()
@click.argument("policy")
@FOLDER
@click.option("--since", help="Incidents last changed from this time on; default: 30 days ago.")
@click.option("--until", help="Before this time; default: now.")
@click.option("--tenant", help="Only this tenant.")
@common
def backtest(
    settings: Settings,
    as_json: bool,
    policy: str,
    folder: Path | None,
    since: str | None,
    until: str | None,
    tenant: str | None,
) -> None:
    """What POLICY (a file, or the name of a policy) would have done on the stored incidents, as if it had been live.

    A file is held against the policy of its name in the folder: whom only one of the two hits. Nothing is written.
    """
    loaded = load_policies(folder or settings.policies)
    candidate, live = _chosen(policy, loaded)
    end = time_of(until, "--until") or settings.make_clock().now()
    start = time_of(since, "--since") or end - _SPAN
    if start >= end:
        raise UsageError("--since must lie before --until")
    others = [one for one in loaded if one.name != candidate.name]
    permitted = PermittedPrincipals.load(settings.enforcement.exceptions_file)
    warehouse = open_warehouse(settings)
    try:
        with opened(settings) as record:
            protected = frozenset(settings.enforcement.protected)
            accounts, traffic = WarehouseAccounts(warehouse), WarehouseTraffic(warehouse)
            test = Backtest(record, accounts, traffic, protected, permitted)
            found = test.run(Question(candidate, live, others, start, end, tenant))
    finally:
        warehouse.close()
    if as_json:
        print_json(found)
    else:
        _show(found)


def _chosen(policy: str, loaded: tuple[Policy, ...]) -> tuple[Policy, Policy | None]:
    known = {one.name: one for one in loaded}
    if policy in known:
        return known[policy], None
    file = Path(policy)
    if not file.is_file():
        raise UsageError(f"{policy!r} is neither a file nor a policy{nearest(policy, known)}")
    candidate = read_policy(file)
    return candidate, known.get(candidate.name)


def _show(found: Mapping[str, Any]) -> None:
    rows = [
        ("version", f"{found['version']} against {found['live_version'] or 'nothing live'}"),
        (
            "history",
            f"{found['since']:%Y-%m-%d %H:%M} to {found['until']:%Y-%m-%d %H:%M} UTC, {found['events']:,} events",
        ),
        ("incidents", f"{found['incidents_matched']} of {found['incidents']} match"),
        ("decisions", ", ".join(f"{name}: {number}" for name, number in found["decisions"].items()) or "none"),
        *((f"blast radius: {name}", _figure(name, value)) for name, value in found["blast_radius"].items()),
        ("precision", _precision(found["precision"])),
        ("overlap", ", ".join(f"{name}: {number}" for name, number in found["overlap"].items()) or "none"),
        ("seconds", str(found["seconds"])),
    ]
    if (difference := found["difference_to_live"]) is not None:
        rows.append(("live: precision", _precision(found["precision_of_live"])))
        rows.append(("live: both hit", str(difference["both"])))
        for name in ("only_candidate", "only_live", "another_effect"):
            examples = ", ".join(difference[name]["examples"][:5])
            rows.append((f"live: {name.replace('_', ' ')}", f"{difference[name]['number']} {examples}".strip()))
    print_table(f"{found['policy']} on history", ("", ""), rows)
    print_table(
        "worth most among those it hits",
        ("tenant", "type", "id", "effects", "calls", "cost (USD)"),
        (
            (one["tenant_id"], one["type"], one["id"], ", ".join(one["effects"]), one["calls"], one["cost_usd"])
            for one in found["top"]
        ),
    )


def _figure(name: str, value: float) -> str:
    return f"{value:.3%}" if name.startswith("share") else f"{value:,}"


def _precision(found: Mapping[str, Any]) -> str:
    if not found["labelled"]:
        return "nothing is labelled; `vigil labels set` does that"
    return f"{found['precision']:.1%} ({found['right']} right, {found['wrong']} wrong of {found['labelled']} labelled)"
