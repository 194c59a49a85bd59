"""`make faults`: break everything that can break, recount, and print what was lost or done twice.

    python -m tests.faults [--kills 50] [--faults 1000] [--crashes 5000] [--seed N] [--seconds 240]

With JSON=1 in the environment the last line is one JSON object. Exit status 1 when anything was lost or doubled.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import sys
from typing import Any

import click
import structlog

from tests.faults import enforcement, ingest
from tests.ingest.crashes import simulate
from vigil.options import print_json, print_table

MUST_BE_ZERO = ("lost", "duplicated", "views_off", "double_actions", "lost_actions")


def main() -> int:
    """Run all three; returns the exit status."""
    options = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    options.add_argument("--kills", type=int, default=50, help="processes of ingest to kill; 0 = none")
    options.add_argument("--seconds", type=float, default=240.0, help="time for them")
    options.add_argument("--faults", type=int, default=1_000, help="faults of enforcement to inject; 0 = none")
    options.add_argument("--crashes", type=int, default=5_000, help="crashes of the range ledger to simulate; 0 = none")
    options.add_argument("--seed", type=int, default=None, help="default: another one each time")
    chosen = options.parse_args()
    seed: int = secrets.randbelow(10**6) if chosen.seed is None else chosen.seed
    as_json = bool(os.environ.get("JSON"))
    click.echo(f"seed {seed}", err=True)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    figures: dict[str, Any] = {"seed": seed}
    if chosen.crashes:
        figures |= _added(figures, simulate(chosen.crashes, seed))
    if chosen.kills:
        figures |= _added(figures, ingest.run(chosen.kills, seed, limit_s=chosen.seconds))
    if chosen.faults:
        figures |= _added(figures, enforcement.run(chosen.faults, seed))
    if as_json:
        print_json(figures)
    else:
        print_table("Faults", ("figure", "value"), list(figures.items()))
    return int(any(figures.get(name, 0) for name in MUST_BE_ZERO))


def _added(figures: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """`more`, with what must be zero and what was injected added up."""
    both = {name: figures[name] + more[name] for name in MUST_BE_ZERO if name in figures and name in more}
    injected = {"injected": _counts(figures) | _counts(more)} if "injected" in figures or "injected" in more else {}
    return {**more, "seed": figures["seed"], **both, **injected}


def _counts(figures: dict[str, Any]) -> dict[str, Any]:
    injected = figures.get("injected", {})
    return injected if isinstance(injected, dict) else {"enforcement": injected}


if __name__ == "__main__":
    sys.exit(main())
