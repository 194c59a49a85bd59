"""What people see: a live display while it plays, tables at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from jobs.demo.performance import Outcome
from jobs.demo.play import Played
from jobs.demo.verdict import AttackVerdict, Verdict, pages
from vigil.effect import EffectKind

_WIDTH = 46


class LiveView:
    """The display while it plays: on a terminal one that moves, elsewhere one line a step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._said: set[str] = set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Inside, the display is up."""
        if not self._console.is_terminal:
            yield
            return
        with Live(Text(""), console=self._console, refresh_per_second=8, transient=True) as self._live:
            yield
        self._live = None

    def step(self, text: str) -> None:
        """A line that stays."""
        self._console.print(f"[dim]{escape(text)} …[/dim]")
        if self._live is not None:
            self._live.update(Text(""))

    def past(self, share: float) -> None:
        """A bar of the import."""
        if self._live is not None:
            self._live.update(ProgressBar(total=1.0, completed=min(1.0, share), width=_WIDTH))

    def playing(self, played: Played, share: float, verdict: Verdict, restricted: int) -> None:
        """Time, counts and incidents so far."""
        if self._live is not None:
            self._live.update(_display(played, share, verdict, restricted))
            return
        for attack in verdict.attacks:
            for incident in attack.incidents[:1]:
                self._once(f"{incident.opened_at:%H:%M}  found: {incident.title}")
            if attack.contained_at is not None:
                self._once(f"{attack.contained_at:%H:%M}  contained: {attack.instance.scenario}")

    def _once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._console.print(escape(line))


def _display(played: Played, share: float, verdict: Verdict, restricted: int) -> RenderableType:
    refused = played.statuses["blocked"] + played.statuses["rate_limited"]
    head = Text.assemble(
        (f"{played.at:%a %H:%M} ", "bold"),
        f"  {played.sent:,} events sent   {restricted} principals restricted   {refused:,} calls refused",
    )
    lines: list[RenderableType] = [head, ProgressBar(total=1.0, completed=share, width=_WIDTH)]
    for attack in verdict.attacks:
        for incident in attack.incidents[:1]:
            state = "contained" if attack.contained else f"{len(attack.restricted)} restricted"
            lines.append(
                Text.assemble(
                    (f"{incident.opened_at:%H:%M} {incident.severity.label:8} ", "red"), f"{incident.title}  ({state})"
                )
            )
    lines += [
        Text(f"{incident.opened_at:%H:%M} {incident.severity.label:8} {incident.title}", style="yellow")
        for incident in verdict.other_incidents
    ]
    return Group(*lines)


def report(outcome: Outcome, console: Console) -> None:
    """The tables at the end."""
    verdict, scene = outcome.verdict, outcome.scene
    console.print()
    console.print(
        f"Played {outcome.origin:%A %H:%M} to {outcome.origin + scene.length:%H:%M} UTC at {scene.speed:.0f} times the"
        f" pace, after {scene.history.total_seconds() / 3600:.0f} quiet hours ({outcome.imported:,} events):"
        f" {outcome.played:,} events through Kafka, {outcome.through_kafka:,} in ClickHouse,"
        f" {outcome.dead_letters} dead letters."
    )
    console.print(_attacks(verdict))
    console.print(_times(verdict))
    console.print(_lookalikes(verdict))
    for incident in verdict.other_incidents:
        console.print(f"Also in the queue: [yellow]{escape(incident.title)}[/yellow] ({incident.severity.label})")
    for severity, title in outcome.pages:
        console.print(f"Paged ({escape(severity)}): {escape(title)}")
    refused = {status: outcome.statuses.get(status, 0) for status in ("blocked", "rate_limited")}
    console.print(
        f"The gateway verified {len(pages(outcome.actions))} pages and the effects above; it refused"
        f" {refused['blocked']:,} calls of suspended accounts and {refused['rate_limited']:,} over a limit."
    )


def _attacks(verdict: Verdict) -> Table:
    table = Table(title="Attacks", title_justify="left")
    for column in ("attack", "incident", "severity", "accounts", "policy", "effects"):
        table.add_column(column, overflow="fold")
    for attack in verdict.attacks:
        titles = "\n".join(f"{incident.kind.value}: {incident.title}" for incident in attack.incidents) or "not found"
        table.add_row(
            escape(attack.instance.scenario),
            escape(titles),
            "\n".join(incident.severity.label for incident in attack.incidents),
            f"{len(attack.restricted)} of {len(attack.instance.offenders)}",
            escape("\n".join(sorted({action.policy for action in attack.actions}))),
            escape(_effects(attack)),
        )
    return table


def _effects(attack: AttackVerdict) -> str:
    counted: dict[EffectKind, set[str]] = {}
    for action in attack.actions:
        if action.confirmed_at is not None:
            counted.setdefault(action.effect, set()).add(action.target.id)
    return "\n".join(f"{len(targets)} × {effect.value}" for effect, targets in counted.items())


def _times(verdict: Verdict) -> Table:
    table = Table(title="How long it took (simulated minutes from the attack's first call)", title_justify="left")
    for column in ("attack", "began", "could be seen", "found", "contained"):
        table.add_column(column)
    for attack in verdict.attacks:
        start = attack.instance.start
        table.add_row(
            escape(attack.instance.scenario),
            f"{start:%H:%M:%S}",
            _after(start, attack.instance.detectable_from),
            _after(start, attack.found_at),
            _after(start, attack.contained_at),
        )
    return table


def _after(start: datetime, moment: datetime | None) -> str:
    if moment is None:
        return "never"
    span: timedelta = moment - start
    return f"+{span.total_seconds() / 60:.1f} min"


def _lookalikes(verdict: Verdict) -> Table:
    table = Table(title="Harmless look-alikes", title_justify="left")
    for column in ("what", "accounts", "accused by", "touched by"):
        table.add_column(column, overflow="fold")
    for lookalike in verdict.lookalikes:
        table.add_row(
            escape(lookalike.instance.summary),
            str(len(lookalike.instance.accounts)),
            escape("\n".join(incident.title for incident in lookalike.incidents)) or "nobody",
            escape("\n".join(sorted({action.policy for action in lookalike.actions}))) or "nothing",
        )
    return table
