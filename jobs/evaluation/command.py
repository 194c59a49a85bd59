"""`vigil evaluate`: the detection figures, each measured by one module.

An evaluation is a module with a docstring and `run(*, data: Path, ...) -> dict`: `data` is the folder of data sets
(`--data`), other keyword parameters become `--set NAME=VALUE`, the returned keys are the figures (contract section 4).
A key `regressions` that is not empty makes the exit status 1. Progress goes to standard error.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from vigil.bench import parse_assignments, print_figures, print_list
from vigil.errors import EXIT_FINDING, EXIT_USAGE, UsageError
from vigil.options import common, print_json
from vigil.settings import Settings

EVALUATIONS: Mapping[str, str] = {
    # name: module, imported only when it is asked for
    "suite": "jobs.evaluation.suite",
    "null": "jobs.evaluation.null",
    "replayed": "jobs.evaluation.replayed",
    "texts": "jobs.evaluation.texts",
    "rings": "detectors.evaluation.rings",
    "sybils": "detectors.evaluation.sybils",
    "tabular": "detectors.evaluation.tabular",
}
RESERVED = ("data", "input")
"""Parameters of `run` that are options of the command."""


@click.command()
@click.argument("name", required=False)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("../shared/data"),
    show_default=True,
    help="Folder of the data sets.",
)
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A parameter of the evaluation.")
@click.option(
    "--input",
    "texts",
    type=click.Path(path_type=Path),
    help="Score the texts of this file ({id, text, role}, one a line) instead.",
)
@common
@click.pass_context
def evaluate(
    ctx: click.Context,
    name: str | None,
    data: Path,
    assignments: tuple[str, ...],
    texts: Path | None,
    settings: Settings,
    as_json: bool,
) -> None:
    """Measure how good detection is; without NAME, list what can be measured.

    Exit status 1 when an evaluation finds that detection got worse. The servers it needs are its own, in a temporary
    folder: nothing of a running service is touched.
    """
    known = available()
    if texts is not None:
        _score_texts(ctx, name, texts, as_json)
        return
    if name is None:
        print_list("Evaluations", {one: load(one, known) for one in known}, as_json, RESERVED)
        return
    module = load(name, known)
    parameters = parse_assignments(module.run, assignments, reserved=RESERVED)
    figures: dict[str, Any] = module.run(data=data, **parameters)
    print_figures("evaluate", name, module, figures, as_json)
    if figures.get("regressions"):
        ctx.exit(EXIT_FINDING)


def _score_texts(ctx: click.Context, name: str | None, path: Path, as_json: bool) -> None:
    """One line of output for each good line of input; the bad ones are named on standard error."""
    from jobs.evaluation import texts

    if name not in (None, "texts"):
        raise UsageError(f"--input is for texts, not for {name}: write `vigil evaluate --input {path}`")
    bad_lines = 0

    def watched() -> Iterator[texts.Scored | texts.BadLine]:
        nonlocal bad_lines
        for one in texts.score_file(path):
            if isinstance(one, texts.BadLine):
                bad_lines += 1
                click.echo(f"vigil: {path}, line {one.line}: {one.reason}", err=True)
            yield one

    if as_json:
        for one in watched():
            if isinstance(one, texts.Scored):
                print_json(one)
    else:
        print_figures("evaluate", "texts", texts, texts.figures(watched()), as_json=False)
    if bad_lines:
        ctx.exit(EXIT_USAGE)


def available() -> dict[str, str]:
    """The evaluations that are installed."""
    return {name: module for name, module in EVALUATIONS.items() if _exists(module)}


def load(name: str, known: Mapping[str, str]) -> ModuleType:
    """The module of an evaluation. Raises UsageError with the nearest name."""
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}"
        raise UsageError(f"no evaluation {name!r}; {hint}")
    return importlib.import_module(known[name])


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
