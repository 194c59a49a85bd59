"""Write the pages that are made from the code: `docs/settings.md` and `docs/command-line.md`.

Run by `make docs`; `tests/test_docs.py` fails when a page is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vigil import cli, settings

HERE = Path(__file__).parent


def settings_page() -> str:
    """Every setting, from the declarations in `vigil/settings.py`."""
    lines = [
        "# Settings",
        "",
        "Made by `make docs` from `vigil/settings.py`. Each setting is an environment variable, or the key of the same"
        " name in the TOML file given by `--config` or `VIGIL_CONFIG`: `VIGIL_KAFKA__TOPICS` is `topics` under"
        " `[kafka]`. The environment outranks the file.",
        "",
        "| variable | type | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, kind, default, text in settings.describe():
        shown = f"`{default}`" if default not in ("None", "()") else "unset"
        kind = kind.replace("|", r"\|")
        lines.append(f"| `{name}` | {kind} | {shown} | {text} |")
    return "\n".join(lines) + "\n"


def command_line_page() -> str:
    """The help of every command, as `--help` prints it."""
    lines = ["# Command line", "", "Made by `make docs` from the commands' own help.", ""]
    group = click.Context(
        cli.main, info_name="vigil", max_content_width=100, terminal_width=100, **cli.main.context_settings
    )
    for name in cli.COMMANDS:
        command = cli.main.get_command(group, name)
        if command is not None:
            lines += _help_of(command, click.Context(command, info_name=name, parent=group))
    return "\n".join(lines)


def _help_of(command: click.Command, context: click.Context) -> list[str]:
    lines = [f"## {context.command_path}", "", "```text", command.get_help(context).rstrip(), "```", ""]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                lines += _help_of(inner, click.Context(inner, info_name=name, parent=context))
    return lines


PAGES = {"settings.md": settings_page, "command-line.md": command_line_page}

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for file, make in PAGES.items():
        (folder / file).write_text(make())
