"""One line of a check: what was looked at, whether it is well, what is the matter, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click
import msgspec

from vigil.errors import EXIT_FINDING
from vigil.options import print_json


class Finding(msgspec.Struct, frozen=True):
    """The result of one look. `mend` is empty when there is nothing to do; `facts` are the figures, for programs."""

    name: str
    ok: bool
    detail: str
    mend: str = ""
    facts: dict[str, Any] = {}


def report(findings: Iterable[Finding], *, as_json: bool) -> None:
    """Print each finding on a line of its own; exits with status 1 when one is not well."""
    unwell = 0
    for finding in findings:
        unwell += not finding.ok
        if as_json:
            print_json(finding)
        else:
            _print(finding)
    if not as_json:
        click.echo(f"{unwell} of these are not well" if unwell else "all well")
    if unwell:
        raise SystemExit(EXIT_FINDING)


def _print(finding: Finding) -> None:
    colour: dict[str, Any] = {"fg": "green"} if finding.ok else {"fg": "red", "bold": True}
    click.echo(f"{click.style('ok   ' if finding.ok else 'WRONG', **colour)} {finding.name}: {finding.detail}")
    if finding.mend:
        click.echo(f"      → {finding.mend}")
