"""Options that every command shares: `--config` and `--json`, and how results are printed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import msgspec

from vigil.settings import Settings, load

F = TypeVar("F", bound=Callable[..., Any])


def common(command: F) -> F:
    """Add `--config` and `--json`; the command receives `settings: Settings` and `as_json: bool`."""

    @click.option(
        "--config", type=click.Path(path_type=Path), help="TOML file of settings; VIGIL_* variables outrank it."
    )
    @click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
    @functools.wraps(command)
    def wrapper(*args: Any, config: Path | None, as_json: bool, **kwargs: Any) -> Any:
        from vigil import log

        settings: Settings = load(config)
        log.configure(settings.log.level)
        return command(*args, settings=settings, as_json=as_json, **kwargs)

    return cast(F, wrapper)


def print_json(value: Any) -> None:
    """One JSON object on one line of standard output."""
    click.echo(msgspec.json.encode(value).decode())


def print_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A table for people. Cell text is escaped: telemetry must not style the terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(_printable(str(cell))) for cell in row))
    Console().print(table)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)
