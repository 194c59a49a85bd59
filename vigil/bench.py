"""`vigil bench`: the performance figures, each measured by one script in `benchmarks/`.

A script is a module with a docstring and `run(...) -> dict`: keyword parameters with defaults (int, float, str, bool
or Path) become `--set NAME=VALUE`, the returned keys are the figures (contract section 4). Progress goes to standard
error, so that the last line of standard output stays the JSON object.
"""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import sys
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from vigil.errors import UsageError
from vigil.options import common, print_json, print_table
from vigil.settings import Settings

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
"""Beside the package in a checkout; a wheel does not carry it."""

_PARSERS: Mapping[Any, Callable[[str], Any]] = {
    int: lambda text: int(text.replace("_", "")),
    float: float,
    str: str,
    Path: Path,
    bool: lambda text: {"true": True, "false": False}[text.lower()],
}


@click.command()
@click.argument("name", required=False)
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A parameter of the benchmark.")
@common
def bench(name: str | None, assignments: tuple[str, ...], settings: Settings, as_json: bool) -> None:
    """Measure one figure; without NAME, list what can be measured.

    The embedded servers it needs are its own, in a temporary folder: nothing of a running service is touched.
    """
    available = scripts(FOLDER)
    if name is None:
        print_list("Benchmarks", {known: _load(known, available) for known in available}, as_json)
        return
    module = _load(name, available)
    print_figures("bench", name, module, module.run(**parse_assignments(module.run, assignments)), as_json)


def scripts(folder: Path) -> dict[str, Path]:
    """The benchmarks of `folder` by name. Raises UsageError when there is no such folder."""
    if not folder.is_dir():
        raise UsageError(
            f"the benchmarks are not installed with the package: {folder} does not exist;"
            " run `vigil bench` from a checkout of the repository (`make install`, then `.venv/bin/vigil bench`)"
        )
    return {path.stem: path for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_")}


def parse_assignments(
    run: Callable[..., Any], assignments: Iterable[str], *, reserved: Collection[str] = ()
) -> dict[str, Any]:
    """`NAME=VALUE` texts as arguments of `run`, by its annotations; `reserved` ones come from elsewhere.

    Raises UsageError.
    """
    hints = typing.get_type_hints(run)
    known = settable(run, reserved)
    values = {}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator or name not in known:
            raise UsageError(f"--set {assignment!r}: write NAME=VALUE with NAME one of {', '.join(known) or '(none)'}")
        try:
            values[name] = _PARSERS[_required(hints[name])](text)
        except (ValueError, KeyError):
            raise UsageError(f"--set {name}: {text!r} is not {_type_name(_required(hints[name]))}") from None
    return values


def settable(run: Callable[..., Any], reserved: Collection[str] = ()) -> dict[str, Any]:
    """The parameters of `run` that `--set` takes, with their defaults."""
    parameters = inspect.signature(run).parameters.items()
    return {name: parameter.default for name, parameter in parameters if name not in reserved}


def print_figures(command: str, name: str, module: ModuleType, figures: Mapping[str, Any], as_json: bool) -> None:
    """What a run came to: one JSON object as the last line, or a table for people."""
    if as_json:
        print_json(figures)
    else:
        print_table(f"vigil {command} {name}: {summary(module)}", ("figure", "value"), table(figures))


def print_list(title: str, modules: Mapping[str, ModuleType], as_json: bool, reserved: Collection[str] = ()) -> None:
    """What can be run, and with which parameters."""
    rows = [(name, summary(module), settable(module.run, reserved)) for name, module in modules.items()]
    if as_json:
        for name, text, given in rows:
            shown = {key: str(value) if isinstance(value, Path) else value for key, value in given.items()}
            print_json({"name": name, "summary": text, "parameters": shown})
        return
    print_table(
        title,
        ("name", "measures", "parameters"),
        ((name, text, " ".join(f"{key}={value}" for key, value in given.items())) for name, text, given in rows),
    )


def table(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Figures as rows for people."""
    return [(name, _shown(value)) for name, value in figures.items()]


def _load(name: str, available: Mapping[str, Path]) -> ModuleType:
    if name not in available:
        near = difflib.get_close_matches(name, available, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(available) or 'none'}"
        raise UsageError(f"no benchmark {name!r}; {hint}")
    spec = importlib.util.spec_from_file_location(f"benchmarks.{name}", available[name])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def summary(module: ModuleType) -> str:
    """The first paragraph of a module's docstring, on one line."""
    return (inspect.getdoc(module) or "").split("\n\n")[0].replace("\n", " ")


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _required(hint: Any) -> Any:
    """`X` of `X | None`: None is a default, never a text."""
    inner = [one for one in typing.get_args(hint) if one is not type(None)]
    return inner[0] if len(inner) == 1 else hint


def _type_name(hint: Any) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(hint, "of the right type")
