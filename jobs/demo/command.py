"""`vigil demo`: an hour of traffic with attacks in it, found and contained in about a minute."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.markup import escape

from jobs.demo.performance import Outcome, logs_of, perform
from jobs.demo.scene import Scene
from jobs.demo.stage import Stage
from jobs.demo.surroundings import without_variables
from jobs.demo.view import LiveView, report
from vigil import log
from vigil.errors import EXIT_FINDING, DependencyError
from vigil.options import print_json

_INTERRUPTED = 130
_DEFAULTS = Scene()


@click.command()
@click.option("--once", is_flag=True, help="End when the hour is over; exit 1 unless both attacks were contained and nobody else touched.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the dashboard on 127.0.0.1; 0 = any free one.")  # fmt: skip
@click.option("--seed", default=_DEFAULTS.seed, show_default=True, help="Another seed plays another hour.")
@click.option("--speed", default=_DEFAULTS.speed, show_default=True, type=click.FloatRange(1, 120), help="Simulated seconds per second.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON object on the last line.")
def demo(once: bool, port: int, seed: int, speed: float, as_json: bool) -> None:
    """Start everything in a temporary folder, play an hour of simulated traffic through Kafka, show what was found.

    Two attacks and two harmless look-alikes are in it. Nothing outside this machine is contacted, VIGIL_* variables
    are ignored, and everything is gone at the end.
    """
    log.configure("warning")
    scene = Scene(seed=seed, speed=speed)
    console = Console(stderr=as_json, highlight=False)
    view = LiveView(console)
    with _interruptible(), tempfile.TemporaryDirectory(prefix="vigil-demo-") as name, without_variables() as ignored:
        folder = Path(name)
        if ignored:
            console.print(f"[dim]ignoring {escape(', '.join(ignored))}[/dim]")
        try:
            view.step("starting ClickHouse and Kafka")
            with Stage(scene, folder, port=port) as stage:
                with view.running():
                    outcome = perform(stage, view)
                report(outcome, console)
                _conclude(outcome, console)
                if as_json:
                    print_json(summary(outcome))
                if not once:
                    _keep_open(stage, outcome, console)
        except DependencyError as error:
            raise type(error)(f"{error}\n{_log_ends(folder)}") from error
        except KeyboardInterrupt:
            console.print("stopped; everything has been taken down")
            raise SystemExit(_INTERRUPTED) from None
    if once and outcome.problems:
        raise SystemExit(EXIT_FINDING)


def summary(outcome: Outcome) -> dict[str, object]:
    """The result for machines."""
    return {
        "ok": not outcome.problems,
        "problems": outcome.problems,
        "events": {"imported": outcome.imported, "played": outcome.played, "stored": outcome.through_kafka},
        "dead_letters": outcome.dead_letters,
        "attacks": [
            {
                "scenario": attack.instance.scenario,
                "began": attack.instance.start,
                "detectable_from": attack.instance.detectable_from,
                "found_at": attack.found_at,
                "contained_at": attack.contained_at,
                "accounts": len(attack.instance.offenders),
                "restricted": len(attack.restricted),
                "incidents": [incident.title for incident in attack.incidents],
            }
            for attack in outcome.verdict.attacks
        ],
        "lookalikes": [
            {"scenario": lookalike.instance.scenario, "untouched": lookalike.untouched}
            for lookalike in outcome.verdict.lookalikes
        ],
        "other_incidents": [
            {"title": incident.title, "opened_at": incident.opened_at, "summary": incident.summary}
            for incident in outcome.verdict.other_incidents
        ],
        "seconds": {name: round(value, 1) for name, value in outcome.seconds.items()},
    }


def _conclude(outcome: Outcome, console: Console) -> None:
    if not outcome.problems:
        console.print("[bold green]Both attacks were found and contained; neither look-alike was touched.[/bold green]")
        return
    console.print("[bold red]Not as it should be:[/bold red]")
    for problem in outcome.problems:
        console.print(f"  {escape(problem)}")


def _keep_open(stage: Stage, outcome: Outcome, console: Console) -> None:
    service = stage.keep_console(outcome.origin + outcome.scene.length)
    console.print(f"The dashboard shows it all: [link]{stage.console_url}[/link]  (Ctrl-C ends the demonstration)")
    while not service.wait(1.0):
        pass


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demonstration as Ctrl-C does, so that nothing is left behind."""

    def interrupt(number: int, _: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log_ends(folder: Path) -> str:
    ends = []
    for file in logs_of(folder):
        lines = file.read_text(errors="replace").splitlines()[-4:]
        if lines:
            ends.append(f"the end of {file.name}:\n  " + "\n  ".join(lines))
    return "\n".join(ends)
