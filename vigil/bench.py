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
from collections.abc import Callable, Iterable, Mapping
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
        _list(available, as_json)
        return
    module = _load(name, available)
    parameters = parse_assignments(module.run, assignments)
    figures: dict[str, Any] = module.run(**parameters)
    if as_json:
        print_json(figures)
    else:
        print_table(f"vigil bench {name}: {_summary(module)}", ("figure", "value"), table(figures))


def scripts(folder: Path) -> dict[str, Path]:
    """The benchmarks of `folder` by name. Raises UsageError when there is no such folder."""
    if not folder.is_dir():
        raise UsageError(
            f"the benchmarks are not installed with the package: {folder} does not exist;"
            " run `vigil bench` from a checkout of the repository (`make install`, then `.venv/bin/vigil bench`)"
        )
    return {path.stem: path for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_")}


def parse_assignments(run: Callable[..., Any], assignments: Iterable[str]) -> dict[str, Any]:
    """`NAME=VALUE` texts as arguments of `run`, by its annotations. Raises UsageError."""
    hints = typing.get_type_hints(run)
    known = inspect.signature(run).parameters
    values = {}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator or name not in known:
            raise UsageError(f"--set {assignment!r}: write NAME=VALUE with NAME one of {', '.join(known) or '(none)'}")
        try:
            values[name] = _PARSERS[hints[name]](text)
        except (ValueError, KeyError):
            raise UsageError(f"--set {name}: {text!r} is not {_type_name(hints[name])}") from None
    return values


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


def _list(available: Mapping[str, Path], as_json: bool) -> None:
    rows = []
    for name in available:
        module = _load(name, available)
        parameters = {key: parameter.default for key, parameter in inspect.signature(module.run).parameters.items()}
        rows.append((name, _summary(module), parameters))
    if as_json:
        for name, summary, parameters in rows:
            shown = {key: str(value) if isinstance(value, Path) else value for key, value in parameters.items()}
            print_json({"name": name, "summary": summary, "parameters": shown})
        return
    print_table(
        "Benchmarks",
        ("name", "measures", "parameters"),
        ((name, text, " ".join(f"{key}={value}" for key, value in given.items())) for name, text, given in rows),
    )


def _summary(module: ModuleType) -> str:
    return (inspect.getdoc(module) or "").split("\n\n")[0].replace("\n", " ")


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _type_name(hint: Any) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(hint, "of the right type")
