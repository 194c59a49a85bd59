"""`vigil policies test | schema | explain`: before a policy acts, and after it did or did not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from enforcement.commands.policies import FOLDER, policies
from enforcement.commands.session import moment, opened
from enforcement.explain import Explanation, Part, explain
from enforcement.policies import load_policies
from enforcement.policies.loader import policy_folder
from enforcement.policies.schema import policy_schema
from enforcement.policies.testing import SUFFIX, read_cases
from enforcement.rehearse import rehearse
from vigil.errors import EXIT_FINDING, DependencyError, UsageError
from vigil.options import common, print_json, print_table
from vigil.record import actions, incidents
from vigil.settings import Settings
from vigil.signal import SubjectType
from vigil.warehouse import open_warehouse
from vigil.warehouse.accounts import AccountFacts, WarehouseAccounts


@policies.command()
@common
def schema(settings: Settings, as_json: bool) -> None:
    """The JSON Schema of a policy file: editors complete and check with it (also without --json)."""
    print_json(policy_schema())


@policies.command("test")
@FOLDER
@common
def test_them(settings: Settings, as_json: bool, folder: Path | None) -> None:
    """Run the tests beside the policies (`NAME.test.yaml`); exit status 1 when one does not come out as expected."""
    loaded = load_policies(folder or settings.policies)
    with policy_folder(folder or settings.policies) as found:
        cases = read_cases(found, loaded)
        if not cases:
            raise UsageError(f"there is no test in {found}: expected files that end in {SUFFIX}")
    done = [rehearse(case) for case in cases]
    failed = [one for one in done if one.problems]
    untested = sorted({policy.name for policy in loaded} - {case.policy.name for case in cases})
    if as_json:
        for one in done:
            case = {"policy": one.case.policy.name, "case": one.case.name, "where": one.case.where}
            print_json({**case, "ok": not one.problems, "found": one.found, "problems": one.problems})
    else:
        for one in failed:
            click.echo(f"{one.case.where} ({one.case.policy.name}): {one.case.name}", err=True)
            for problem in one.problems:
                click.echo(f"    {problem}", err=True)
        without = f"; without a test: {', '.join(untested)}" if untested else ""
        click.echo(f"{len(done) - len(failed)} of {len(done)} case(s) come out as expected{without}")
    if failed:
        sys.exit(EXIT_FINDING)


@policies.command("explain")
@click.argument("incident_id")
@click.option("--policy", "name", help="Only this policy, with every part of its conditions.")
@FOLDER
@common
def explain_it(settings: Settings, as_json: bool, incident_id: str, name: str | None, folder: Path | None) -> None:
    """Which policies match an incident, which do not, and at which condition; and what was decided."""
    loaded = load_policies(folder or settings.policies)
    if name is not None and name not in {policy.name for policy in loaded}:
        raise UsageError(f"there is no policy {name!r}; `vigil policies list` shows those there are")
    now = settings.make_clock().now()
    with opened(settings) as record, record.read() as connection:
        incident = incidents.get(connection, incident_id)
        decided = actions.list_actions(connection, incident_id=incident_id, limit=None)
    wanted = {subject.id for subject in incident.subjects if subject.type is SubjectType.ACCOUNT}
    known = _accounts(settings, incident.tenant_id, wanted) if any(policy.members for policy in loaded) else {}
    found = [explain(policy, incident, known, now) for policy in loaded if name in (None, policy.name)]
    if as_json:
        for one in found:
            print_json(_object(one))
        return
    print_table(
        f"{incident_id}: {incident.severity.label} {incident.kind.value} of tenant {incident.tenant_id}, "
        f"{sum(one.matched for one in found)} of {len(found)} policy(ies) match",
        ("policy", "matches", "why"),
        ((one.policy.name, "yes" if one.matched else "no", one.why) for one in found),
    )
    if name is not None:
        _show_parts(found[0])
    ours = [one for one in decided if name in (None, one.policy)]
    print_table(
        f"{len(ours)} decision(s)",
        ("at (UTC)", "policy", "effect", "target", "state", "reason"),
        ((moment(a.at), a.policy, a.effect.value, a.target.id, a.state.value, a.reason) for a in ours),
    )


def _accounts(settings: Settings, tenant: str, wanted: set[str]) -> dict[str, AccountFacts]:
    """What is known of the accounts now; nothing when the warehouse is away, which the parts then show as unknown."""
    if not wanted:
        return {}
    try:
        warehouse = open_warehouse(settings)
    except (DependencyError, UsageError):
        return {}
    try:
        return dict(WarehouseAccounts(warehouse).lookup(tenant, wanted, settings.make_clock().now()))
    except DependencyError:
        return {}
    finally:
        warehouse.close()


def _show_parts(one: Explanation) -> None:
    print_table("when", ("part", "holds", "saw"), map(_row, one.parts))
    for aim in one.aims:
        meant = "is meant" if aim.meant else "is not meant"
        print_table(
            f"{aim.subject.type.value} {aim.subject.id} {meant}", ("part", "holds", "saw"), map(_row, aim.parts)
        )


def _row(part: Part) -> tuple[str, str, str]:
    return part.text, {True: "yes", False: "no", None: "unknown"}[part.holds], part.saw


def _object(one: Explanation) -> dict[str, object]:
    def parts(found: Sequence[Part]) -> list[dict[str, object]]:
        return [{"text": part.text, "holds": part.holds, "saw": part.saw} for part in found]

    return {
        "policy": one.policy.name,
        "version": one.policy.version,
        "matched": one.matched,
        "why": one.why,
        "when": parts(one.parts),
        "members": [
            {"type": aim.subject.type, "id": aim.subject.id, "meant": aim.meant, "parts": parts(aim.parts)}
            for aim in one.aims
        ],
    }
