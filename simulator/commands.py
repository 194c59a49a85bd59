"""`vigil simulate`: attack traffic with truth."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from simulator.calls import Event
from simulator.scenarios.base import all_scenarios
from simulator.sinks import TopicSink, opened, write_lines
from simulator.text.pool import read_pool
from simulator.traffic import Simulation
from simulator.traffic import simulate as plan_simulation
from simulator.truth import write_json
from simulator.world import SCALES
from vigil.errors import UsageError
from vigil.options import common, print_json, print_table
from vigil.settings import Settings

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Span(click.ParamType[Any]):
    """A length of time such as `90m`, `36h` or `3d`."""

    name = "span"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", value.strip())
        if match is None:
            self.fail(f"{value!r} is not a length of time; write e.g. 90m, 36h or 3d", param, ctx)
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


class Moment(click.ParamType[Any]):
    """A point in time in RFC 3339; without an offset it is in UTC."""

    name = "time"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                self.fail(f"{value!r} is not a time; write e.g. 2026-01-31T08:00:00Z", param, ctx)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@click.group(invoke_without_command=True)
@click.option("--scenario", default="", help="Scenarios to play, separated by commas; see `vigil simulate list`.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--scale", type=click.Choice(list(SCALES)), default="small", show_default=True, help="Size of the world.")
@click.option(
    "--start", type=Moment(), help="First moment; default: so that the simulation ends at the last full hour."
)
@click.option("--duration", type=Span(), default="3d", show_default=True, help="Length, e.g. 90m, 36h, 3d.")
@click.option("--quiet", type=Span(), help="Time before the first scenario; default: two thirds of the duration.")
@click.option(
    "--pool",
    type=click.Path(path_type=Path),
    help="Texts for first messages instead of the grammar's: parquet with a column text, or one a line.",
)
@click.option("--out", help="File to write: .jsonl, .jsonl.gz, .jsonl.zst, or - for standard output.")
@click.option("--topic", help="Kafka topic to produce to instead.")
@click.option(
    "--exceptions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the permitted principals, for `vigil replay --exceptions`.",
)
@click.option("--truth", type=click.Path(path_type=Path, dir_okay=False), help="File for what really happened.")
@common
@click.pass_context
def simulate(
    ctx: click.Context,
    scenario: str,
    seed: int,
    scale: str,
    start: datetime | None,
    duration: timedelta,
    quiet: timedelta | None,
    pool: Path | None,
    out: str | None,
    topic: str | None,
    truth: Path | None,
    exceptions: Path | None,
    settings: Settings,
    as_json: bool,
) -> None:
    """Traffic that looks like production, with attacks and harmless look-alikes in it, and the truth beside it.

    \b
    vigil simulate --scenario template_campaign,batch_job --duration 3d --out events.jsonl.zst --truth truth.json
    """
    if ctx.invoked_subcommand is not None:
        return
    if (out is None) == (topic is None):
        raise UsageError("say where the events go: --out FILE (- for standard output) or --topic TOPIC")
    if start is None:
        now = settings.make_clock().now()
        start = now.replace(minute=0, second=0, microsecond=0) - duration
    texts = read_pool(pool) if pool is not None else ()
    names = [name.strip() for name in scenario.split(",") if name.strip()]
    simulation = plan_simulation(names, seed=seed, start=start, duration=duration, scale=scale, quiet=quiet, pool=texts)
    if truth is not None:
        simulation.truth.write(truth)
    if exceptions is not None:
        write_json(exceptions, simulation.truth.exceptions())
    if topic is not None:
        count = _produce(simulation, settings, topic)
    else:
        assert out is not None
        with opened(out) as stream:
            count = write_lines(_progress(simulation), stream)
    _report(simulation, count, as_json, to_stderr=out == "-")


@simulate.command("list")
@common
def list_scenarios(settings: Settings, as_json: bool) -> None:
    """Describe every scenario: what happens, which public reports describe it, what should notice."""
    for name, found in all_scenarios().items():
        described = found.description
        if as_json:
            print_json(
                {"name": name, "lookalike": found.lookalike, "kinds": [kind.value for kind in found.kinds], **described}
            )
            continue
        kind = "harmless look-alike" if found.lookalike else ", ".join(kind.value for kind in found.kinds)
        click.secho(f"{name}  ({kind})", bold=True)
        for label, text in described.items():
            click.echo(click.wrap_text(f"{label}: {text}" if label != "summary" else text, 110, "  ", "    "))
        click.echo()


@simulate.command("compare")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("../shared/data"),
    show_default=True,
    help="Folder with prompts.parquet.",
)
@click.option("--seed", default=1, show_default=True)
@click.option("--texts", default=8_000, show_default=True, help="Prompts to describe, of each source.")
@common
def compare(data: Path, seed: int, texts: int, settings: Settings, as_json: bool) -> None:
    """Compare simulated prompts with real ones: duplicates, templates, lengths, vocabulary."""
    from simulator.realism import comparison, describe, prompts, real_prompts

    start = settings.make_clock().now().replace(minute=0, second=0, microsecond=0) - timedelta(days=7)
    simulation = plan_simulation([], seed=seed, start=start, duration=timedelta(days=7))
    simulated = prompts(itertools.islice(simulation.events(), 2 * texts))[:texts]
    columns = [("simulated", describe(simulated))]
    columns += [(source, describe(real)) for source, real in real_prompts(data, texts).items()]
    if as_json:
        print_json(dict(columns))
    else:
        print_table("Prompts, simulated and real", ("statistic", *(name for name, _ in columns)), comparison(columns))


def _produce(simulation: Simulation, settings: Settings, topic: str) -> int:
    with TopicSink(settings, topic) as sink:
        for event in _progress(simulation):
            sink.send(event)
        return sink.sent


def _progress(simulation: Simulation) -> Iterable[Event]:
    """The events, with a bar over the simulated time when somebody watches."""
    if not sys.stderr.isatty():
        yield from simulation.events()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    start, end = simulation.truth.start, simulation.truth.end
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[events]:,} events"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("simulating", total=(end - start).total_seconds(), events=0)
        for number, event in enumerate(simulation.events(), start=1):
            yield event
            if number % 2_000 == 0:
                at = datetime.fromisoformat(event["event_time"])
                bar.update(task, completed=(at - start).total_seconds(), events=number)


def _report(simulation: Simulation, events: int, as_json: bool, *, to_stderr: bool) -> None:
    truth = simulation.truth
    if to_stderr:
        click.echo(f"{events:,} events, {len(truth.instances)} scenarios", err=True)
    elif as_json:
        print_json(
            {
                "events": events,
                "accounts": len(simulation.world.accounts),
                "start": truth.start,
                "end": truth.end,
                "instances": [
                    {
                        "instance_id": instance.instance_id,
                        "from": instance.start,
                        "to": instance.end,
                        "summary": instance.summary,
                    }
                    for instance in truth.instances
                ],
            }
        )
    else:
        click.echo(f"{events:,} events of {truth.start:%Y-%m-%d %H:%M} to {truth.end:%Y-%m-%d %H:%M} UTC")
        if truth.instances:
            print_table(
                "What is in it",
                ("scenario", "tenant", "from", "to", "what"),
                (
                    (
                        instance.scenario + (" (harmless)" if instance.lookalike else ""),
                        instance.tenant_id,
                        f"{instance.start:%d %b %H:%M}",
                        f"{instance.end:%d %b %H:%M}",
                        instance.summary,
                    )
                    for instance in truth.instances
                ),
            )
