"""The `vigil` command. Each room's commands are found lazily, by name, so that `vigil --help` stays quick."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from vigil.errors import EXIT_DEPENDENCY, VigilError

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, one line of help)
    "demo": ("jobs.demo.command:demo", "An hour of traffic with attacks in it, found and contained in a minute."),
    "up": ("vigil.local.commands:up", "Start the whole service on this machine."),
    "down": ("vigil.local.commands:down", "Stop it."),
    "status": ("vigil.local.commands:status", "What runs, and whether it is well."),
    "ingest": ("ingest.commands:ingest", "The Kafka consumer; --file reads a file instead."),
    "receive": ("ingest.receiver.command:receive", "The HTTP receiver in front of Kafka."),
    "deadletters": ("ingest.commands:deadletters", "Events that were not accepted, and why."),
    "embed": ("detectors.embed.command:embed", "The embedding worker; --since and --until for history."),
    "detect": ("detectors.commands:detect", "Run due detectors once, or over history."),
    "enforce": ("enforcement.commands:enforce", "Evaluate policies on open incidents once."),
    "dispatch": ("enforcement.commands:dispatch", "Work the outbox once."),
    "incidents": ("enforcement.commands:incidents", "List, show, acknowledge, resolve and dismiss incidents."),
    "actions": ("enforcement.commands:actions", "List, show, approve and lift actions."),
    "alerts": ("enforcement.commands:alerts", "List and acknowledge alerts; silences."),
    "accounts": ("enforcement.commands:accounts", "What is in force for an account, and why."),
    "policies": ("enforcement.commands:policies", "List, show and check policies; the kill switch."),
    "labels": ("enforcement.commands:labels", "List, set and export what people found incidents to be."),
    "ledger": ("enforcement.commands:ledger", "Show, verify and export the ledger."),
    "jobs": ("jobs.commands:jobs", "The scheduler process; list and run jobs."),
    "dashboard": ("dashboard.command:dashboard", "The analysts' console."),
    "check": ("vigil.local.commands:check", "Validate configuration, policies, connections and schema."),
    "doctor": ("vigil.local.commands:doctor", "What is wrong on this machine, and how to mend it."),
    "replay": ("jobs.replay.command:replay", "The whole product over a file, in event time."),
    "backtest": ("enforcement.backtest:backtest", "A candidate policy on history."),
    "simulate": ("simulator.commands:simulate", "Attack traffic with truth."),
    "evaluate": ("jobs.evaluation.command:evaluate", "The detection scoreboard, and scores of texts."),
    "bench": ("vigil.bench:bench", "The performance figures."),
}


class LazyCommands(click.Group):
    """Imports a command's module only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1) if args else []
            if near:
                raise click.UsageError(f"{error.message} Did you mean '{near[0]}'?", ctx) from None
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VigilError as error:
            click.echo(f"vigil: {error}", err=True)
            ctx.exit(error.exit_code)
        except OSError as error:
            import errno

            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            mend = "free space" if full else "let this user at it"
            click.echo(
                f"vigil: {error.filename or 'the disk'}: {error.strerror}; {mend} or choose another VIGIL_WORKSPACE",
                err=True,
            )
            ctx.exit(EXIT_DEPENDENCY)


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vigil", prog_name="vigil")
def main() -> None:
    """Production monitoring and abuse detection for deployed AI models.

    Exit status: 0 done, 1 a finding where the command is a check, 2 wrong use or bad input, 3 a dependency is not reachable.
    """


if __name__ == "__main__":
    sys.exit(main())
